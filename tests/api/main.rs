//! The HTTP API as app servers and operators meet it: a server process, its API and its clients over
//! real sockets.

#[path = "../support/mod.rs"]
mod support;

mod actions_are_done;
mod app_server_is_asked;
mod app_servers_are_each_asked_for_their_own;
mod apps_are_apart;
mod connections_are_acted_on;
mod dialects_share_an_app;
mod health_follows_the_server;
mod numbers_and_channels_are_told;
mod publish_command_goes_through_it;
mod publish_command_tells_what_went_wrong;
mod published_reaches_subscribers;
mod secrets_stay_secret;
mod stalled_shard_is_seen;
mod starts_only_if_safe;
mod strangers_are_kept_out;
mod users_are_known_by_their_tokens;
mod wrong_requests_are_refused;

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use support::Server;

/// Where the API of a server that has one listens.
fn api(server: &Server) -> SocketAddr {
    server.api.expect("the banner names the API")
}

/// What `shardcast publish --api` is run with: no input, and no token unless a test gives one.
fn publish_command(base_url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    command
        .args(["publish", "--api", base_url])
        .args(args)
        .env_remove("SHARDCAST_API_TOKEN")
        .env_remove("SHARDCAST_API_TOKEN_FILE")
        .stdin(Stdio::null());
    command
}

/// Runs `shardcast publish --api` on a server.
fn publish(server: &Server, args: &[&str]) -> Output {
    let base_url = format!("http://{}", api(server));
    let mut command = publish_command(&base_url, args);
    command.output().expect("the binary runs")
}

/// What a command said to people.
fn told(output: &Output) -> &str {
    str::from_utf8(&output.stderr).expect("text")
}
