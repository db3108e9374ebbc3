//! Which paths answer: what was listed, and what `--dev-echo` adds.

use super::complaint::{Complaint, Fault};
use super::options;
use super::reader::Reader;
use super::settings::{EndpointTable, Origin, Scope, Text};
use crate::base::limits::ENDPOINTS_MAX;
use crate::dialect::DialectName;

/// What `--dev-echo` adds.
const ECHO_PATH: &str = "/echo";

/// One path before its limits and rules are known.
#[derive(Debug, Clone)]
pub(super) struct ListedEndpoint<'a> {
    pub(super) path: String,
    pub(super) dialect: DialectName,
    /// What a file says about it.
    pub(super) table: Option<&'a EndpointTable>,
}

impl<'a> ListedEndpoint<'a> {
    pub(super) fn scope(&self) -> Scope<'a> {
        Scope {
            dialect: self.dialect,
            table: self.table,
        }
    }

    /// The name of its topic space: its own path, unless the file names another.
    pub(super) fn app(&self) -> &str {
        self.named_app().map_or(&self.path, |app| &app.text)
    }

    pub(super) fn named_app(&self) -> Option<&'a Text> {
        self.table.and_then(|table| table.app.as_ref())
    }
}

/// Reads the list, and complains about every entry that cannot be bound.
pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Vec<ListedEndpoint<'a>> {
    let option = &options::ENDPOINT;
    let from_file = reader.setting(option).origin == Origin::File;
    let typed = reader.endpoints(option);
    let dev_echo = reader.switch(&options::DEV_ECHO);
    if typed.len() > ENDPOINTS_MAX {
        let fix =
            format!("bind at most {ENDPOINTS_MAX}; clients of one path can use many channels");
        let fault = Fault::new("is one endpoint too many", fix);
        reader.complain(option, ENDPOINTS_MAX, fault);
        return Vec::new();
    }

    let mut endpoints: Vec<ListedEndpoint<'a>> = Vec::new();
    for (index, endpoint) in typed.into_iter().enumerate() {
        let Some((path, dialect)) = endpoint else {
            continue;
        };
        if endpoints.iter().any(|taken| taken.path == path) {
            let fix = "give each endpoint a path of its own";
            reader.complain(option, index, Fault::new("binds a path twice", fix));
        } else if dialect == DialectName::Echo && dev_echo == Some(false) {
            let fix = format!("add {} to allow it", options::DEV_ECHO.flag());
            reader.complain(option, index, Fault::new("is for development", fix));
        } else if dialect != DialectName::Echo && path == ECHO_PATH && dev_echo == Some(true) {
            let problem = format!("takes the path that {} adds", options::DEV_ECHO.flag());
            reader.complain(option, index, Fault::new(problem, "choose another path"));
        } else {
            let table = from_file.then(|| reader.table(index)).flatten();
            let endpoint = ListedEndpoint {
                path,
                dialect,
                table,
            };
            check_app(reader, &endpoint);
            endpoints.push(endpoint);
        }
    }
    let echo_is_there = endpoints.iter().any(|held| held.path == ECHO_PATH);
    if dev_echo == Some(true) && !echo_is_there {
        endpoints.push(ListedEndpoint {
            path: ECHO_PATH.to_owned(),
            dialect: DialectName::Echo,
            table: None,
        });
    }
    endpoints
}

fn check_app(reader: &mut Reader<'_>, endpoint: &ListedEndpoint<'_>) {
    let Some(app) = endpoint.named_app().filter(|app| app.text.is_empty()) else {
        return;
    };
    reader.add(Complaint {
        place: app.place.clone(),
        option: "app".to_owned(),
        value: Some(String::new()),
        fault: Fault::new(
            "is no name",
            "name the topics that endpoints share, or leave the key out for topics of its own",
        ),
    });
}
