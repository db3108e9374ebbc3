//! Secrets, which a file or a text gives: never both.

use super::complaint::Fault;
use super::option::OptionRecord;
use super::reader::Reader;
use super::settings::Origin;
use crate::service::{Secret, TokenSource};

/// The secret, and which of the two options gave it; `Some(None)`: neither.
pub(super) fn read(
    reader: &mut Reader<'_>,
    file: &OptionRecord,
    text: &OptionRecord,
) -> Option<Option<(Secret, TokenSource)>> {
    // What the help calls it: a token, a secret.
    let what = text.value_name.to_lowercase();
    let setting = reader.setting(file);
    // In the file an empty text stands for the default; on the command line it is a shell's variable
    // that was not set, and a server without the secret is not what was meant.
    if setting.origin == Origin::Flag && setting.first().is_empty() {
        let fix = format!("write the path of the file with the {what}");
        reader.complain(file, 0, Fault::new("names no file", fix));
        return None;
    }
    let from_file = reader.token_file(file, &what);
    let direct = reader.secret(text);
    let (from_file, direct) = (from_file?, direct?);
    if from_file.is_some() && direct.is_some() {
        let other = reader.name(text);
        let fault = Fault::new(
            format!("gives a {what}, and {other} gives one too"),
            "remove one of them",
        );
        reader.complain(file, 0, fault);
        return None;
    }
    let from = |source| move |secret| (secret, source);
    let direct = direct.map(from(TokenSource::Text));
    Some(from_file.map(from(TokenSource::File)).or(direct))
}
