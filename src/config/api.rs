//! The HTTP API's options: where it listens, and what keeps strangers out.

use super::complaint::{Complaint, Fault};
use super::option::OptionRecord;
use super::options;
use super::reader::Reader;
use super::settings::{Origin, Settings};
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
    let (listen, token) = (listen?, token?);
    let hosts = hosts.into_iter().collect::<Option<Vec<String>>>()?;
    let Some(listen) = listen else {
        return Some(None);
    };
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
    let file = &options::API_TOKEN_FILE;
    let setting = reader.setting(file);
    // In the file an empty text stands for the default; on the command line it is a shell's variable
    // that was not set, and an API without a token is not what was meant.
    if setting.origin == Origin::Flag && setting.first().is_empty() {
        let fault = Fault::new("names no file", "write the path of the file with the token");
        reader.complain(file, 0, fault);
        return None;
    }
    let from_file = reader.token_file(file);
    let direct = reader.secret(&options::API_TOKEN);
    let (from_file, direct) = (from_file?, direct?);
    if from_file.is_some() && direct.is_some() {
        let other = reader.name(&options::API_TOKEN);
        let fault = Fault::new(
            format!("gives a token, and {other} gives one too"),
            "remove one of them",
        );
        reader.complain(file, 0, fault);
        return None;
    }
    let token = |source| move |secret| ApiToken { secret, source };
    let from_file = from_file.map(token(TokenSource::File));
    let direct = direct.map(token(TokenSource::Text));
    Some(from_file.or(direct))
}
