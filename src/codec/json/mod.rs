//! JSON at the price of one look: the grammar checked, a few keys found, nothing built.
//!
//! A message passes through the server as the bytes its publisher sent, so no tree is needed: only
//! the envelope's few keys, and the promise that the rest is JSON. What counts as JSON is what
//! `JSON.parse` takes (RFC 8259 and ECMA-262): numbers of any size, and escapes of lone surrogates.
//!
//! Both scans expect UTF-8 and look at ASCII only. Text frames have been checked as they arrived; for
//! bytes from elsewhere (a binary frame, a request body) call `std::str::from_utf8` first.

mod grammar;
mod nesting;
mod object;
mod special;
mod text;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod corpus;

pub use grammar::{NotJson, validate};
pub use object::{Elements, NotAnObject, Value, scan_object};
pub use text::{write_joined, write_string};
