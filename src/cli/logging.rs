//! Where the log goes, in what form, and how much of it.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::service::{LogFormat, LogLevel};

/// The running log, whose level can be changed.
#[derive(Debug)]
pub(super) struct Log {
    filter: reload::Handle<LevelFilter, Registry>,
}

impl Log {
    /// Sends the log to standard error, so that standard output stays the banner's.
    pub(super) fn start(level: LogLevel, format: LogFormat) -> Self {
        let (filter, handle) = reload::Layer::new(filter_of(level));
        let lines = fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal());
        let lines = match format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .init();
        Self { filter: handle }
    }

    /// Changes how much is logged from now on.
    pub(super) fn set_level(&self, level: LogLevel) {
        // It fails only when the log is gone, and then nobody misses anything.
        let _gone = self.filter.reload(filter_of(level));
    }
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
