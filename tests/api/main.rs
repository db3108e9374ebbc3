//! The HTTP API as app servers and operators meet it: a server process, its API and its clients over
//! real sockets.

#[path = "../support/mod.rs"]
mod support;

mod health_follows_the_server;
mod numbers_and_channels_are_told;
mod published_reaches_subscribers;
mod starts_only_if_safe;
mod strangers_are_kept_out;
mod wrong_requests_are_refused;

use std::net::SocketAddr;

use support::Server;

/// Where the API of a server that has one listens.
fn api(server: &Server) -> SocketAddr {
    server.api.expect("the banner names the API")
}
