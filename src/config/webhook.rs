//! The options of an endpoint's webhook.

use http::HeaderName;

use super::options;
use super::reader::Reader;
use super::secret;
use crate::service::webhook::{Kind, WebhookConfig};

/// What the options say; `Some(None)`: nobody is asked.
///
/// All of them are read even without a URL: a wrong value does not become right by that.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<WebhookConfig>> {
    let url = reader.url(&options::WEBHOOK_URL);
    let words = Kind::ALL.map(|kind| (kind.name(), kind));
    let kinds = reader.choices(&options::WEBHOOK_EVENTS, &words);
    let timeout = reader.time(&options::WEBHOOK_TIMEOUT);
    let retries = reader.count(&options::WEBHOOK_RETRIES);
    let concurrency = reader.count(&options::WEBHOOK_CONCURRENCY);
    let headers = reader.header_names(&options::WEBHOOK_HEADER);
    let (file, text) = (&options::WEBHOOK_SECRET_FILE, &options::WEBHOOK_SECRET);
    let secret = secret::read(reader, file, text);

    let header = |name: Option<String>| HeaderName::try_from(name?).ok();
    let config = |url| {
        Some(WebhookConfig {
            url,
            kinds: kinds.into_iter().collect::<Option<_>>()?,
            timeout: timeout?,
            // Neither has an `auto`.
            retries: retries??,
            concurrency: concurrency??,
            headers: headers.into_iter().map(header).collect::<Option<_>>()?,
            secret: secret?.map(|(secret, _)| secret),
        })
    };
    match url? {
        None => Some(None),
        Some(url) => config(url).map(Some),
    }
}
