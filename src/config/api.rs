//! The HTTP API's options: where it listens, and what keeps strangers out.

use super::complaint::{Complaint, Fault};
use super::option::OptionRecord;
use super::options;
use super::reader::Reader;
use super::secret;
use super::settings::Settings;
use crate::service::{ApiConfig, ApiToken, TokenSource};

impl Settings {
    /// The token of the API alone, for a client of it.
    ///
    /// # Errors
    ///
    /// What is wrong with the options that give it, as [`Settings::resolve`] tells a server.
    pub fn api_token(&self) -> Result<Option<ApiToken>, Vec<Complaint>> {
        let mut reader = Reader::new(self);
        let token = read_token(&mut reader);
        let complaints = reader.into_complaints();
        token.filter(|_| complaints.is_empty()).ok_or(complaints)
    }

    /// The flag, variable or key that gave the token.
    #[must_use]
    pub fn name_of_token(&self, token: &ApiToken) -> String {
        let option = option_of(token);
        self.origin(option).name_of(option)
    }
}

/// What the options say; `Some(None)`: no API.
///
/// All of them are read even where there is no API: a wrong value does not become right by that.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<ApiConfig>> {
    let listen = reader.address_or_none(&options::API_LISTEN);
    let token = read_token(reader);
    let hosts = reader.host_names(&options::API_HOST);
    let over_tls = reader.switch(&options::API_TLS);
    let (listen, token, over_tls) = (listen?, token?, over_tls?);
    let hosts = hosts.into_iter().collect::<Option<Vec<String>>>()?;
    let Some(listen) = listen else {
        return Some(None);
    };
    if over_tls && reader.setting(&options::TLS_CERT).texts.is_empty() {
        let fix = format!(
            "give {} and {}, or leave it out",
            options::TLS_CERT.flag(),
            options::TLS_KEY.flag()
        );
        reader.complain(&options::API_TLS, 0, Fault::new("needs a certificate", fix));
        return None;
    }
    // `to_canonical`, because ::ffff:127.0.0.1 is this machine as well.
    if token.is_none() && !listen.ip().to_canonical().is_loopback() {
        let fault = Fault::new(
            "lets others reach the API, but there is no token",
            format!(
                "write a token into a file and name it with {}, or listen on {}",
                options::API_TOKEN_FILE.flag(),
                options::API_LISTEN.default
            ),
        );
        reader.complain(&options::API_LISTEN, 0, fault);
        return None;
    }
    Some(Some(ApiConfig {
        listen,
        token,
        hosts,
        over_tls,
    }))
}

/// The option that gave a token.
pub(super) fn option_of(token: &ApiToken) -> &'static OptionRecord {
    match token.source {
        TokenSource::File => &options::API_TOKEN_FILE,
        TokenSource::Text => &options::API_TOKEN,
    }
}

fn read_token(reader: &mut Reader<'_>) -> Option<Option<ApiToken>> {
    let given = secret::read(reader, &options::API_TOKEN_FILE, &options::API_TOKEN)?;
    Some(given.map(|(secret, source)| ApiToken { secret, source }))
}
