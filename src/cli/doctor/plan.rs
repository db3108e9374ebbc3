//! What the server would use, as it is configured, and whether that can be had now.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use crate::config::option::OptionRecord;
use crate::config::options;
use crate::runtime::{ListenError, SharedAddress};
use crate::service::ServerConfig;

/// What a configuration asks of the machine.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) shards: usize,
    /// Descriptor tables for their connections.
    pub(super) fd_tables: usize,
    /// Connections at a time, if it says how many.
    pub(super) connections: Option<usize>,
    /// What it asks the kernel to keep unsent for each, if it does.
    pub(super) send_buffer_bytes: Option<usize>,
    /// Where it listens: for clients, and for users of the API if there is one.
    pub(super) listeners: Vec<Listener>,
}

/// An address, and what listening on it gave.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) option: &'static OptionRecord,
    pub(super) addr: SocketAddr,
    pub(super) tried: Result<(), ListenError>,
}

impl Plan {
    /// Tries what can be tried.
    pub(super) fn of(config: ServerConfig) -> Self {
        let fd_tables = config.fd_tables();
        let api = config.api.map(|api| (&options::API_LISTEN, api.listen));
        let addrs = [(&options::LISTEN, config.listen)].into_iter().chain(api);
        // Held until all have been tried, as a server holds them: two that exclude each other are
        // found so.
        let mut held = Vec::new();
        let listeners = addrs
            .map(|(option, addr)| {
                // One is enough to know; more would only need more descriptors.
                let tried = SharedAddress::new(addr, 1, None).listen();
                let tried = tried.map(|socket| held.push(socket));
                Listener {
                    option,
                    addr,
                    tried,
                }
            })
            .collect();
        Self {
            shards: config.shards,
            fd_tables,
            connections: config.connections_max,
            send_buffer_bytes: config.send_buffer_bytes.map(NonZeroUsize::get),
            listeners,
        }
    }

    /// The ports that the configuration names: 0 is left to the kernel.
    pub(super) fn ports(&self) -> Vec<u16> {
        let ports = self.listeners.iter().map(|listener| listener.addr.port());
        ports.filter(|port| *port != 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::config::{Machine, Origin, Settings};

    fn plan(listen: &str, api_listen: &str) -> Plan {
        let mut settings = Settings::default();
        for (option, text) in [
            (&options::LISTEN, listen),
            (&options::API_LISTEN, api_listen),
        ] {
            settings.set(option, Origin::Flag, vec![text.to_owned()]);
        }
        Plan::of(settings.resolve(&Machine::detect()).unwrap())
    }

    fn names_of_refused(plan: &Plan) -> Vec<&'static str> {
        let refused = plan.listeners.iter().filter(|one| one.tried.is_err());
        refused.map(|one| one.option.name).collect()
    }

    #[test]
    fn address_is_refused_while_somebody_listens_there() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = other.local_addr().unwrap();
        let taken = addr.to_string();
        assert_eq!(names_of_refused(&plan(&taken, "127.0.0.1:0")), ["listen"]);
        assert_eq!(
            names_of_refused(&plan("127.0.0.1:0", &taken)),
            ["api-listen"]
        );
        assert!(names_of_refused(&plan("127.0.0.1:0", "127.0.0.1:0")).is_empty());
        assert_eq!(plan("127.0.0.1:0", &taken).ports(), [addr.port()]);
    }

    #[test]
    fn two_addresses_that_exclude_each_other_are_found() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let every_interface = format!("0.0.0.0:{}", addr.port());
        let plan = plan(&every_interface, &addr.to_string());
        assert_eq!(names_of_refused(&plan), ["api-listen"]);
    }

    #[test]
    fn without_an_api_there_is_one_address() {
        let plan = plan("127.0.0.1:0", "none");
        assert_eq!(plan.listeners.len(), 1);
        assert!(plan.ports().is_empty());
    }
}
