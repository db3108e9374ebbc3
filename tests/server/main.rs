//! The server as clients meet it: a process of its own, real sockets, both drivers.
//!
//! Nothing here is true because enough time has passed: every wait is for an event, and ends early
//! unless something is broken.

#[path = "../support/contract/mod.rs"]
mod contract;
#[path = "../support/mod.rs"]
mod support;

mod any_split_of_input_is_the_same;
mod bad_frames_close_their_connection;
mod bad_requests_are_refused;
mod churn_leaves_nothing_behind;
mod clients_come_back_all_at_once;
mod contract_actor;
mod contract_dialects;
mod contract_suite;
mod dead_peers_are_cut;
mod delivery_contract_holds;
mod drain_delivers_what_was_accepted;
mod echo_returns_everything;
mod full_mailboxes_lose_nothing;
mod ignis_clients_are_served;
mod lack_of_descriptors_is_told_and_passes;
mod large_messages_stay_whole;
mod logs_tell_no_secrets;
mod planted_faults_are_named;
mod planted_joins_are_named;
mod planted_sends_are_named;
mod private_tables_hold_more_than_one;
mod publishers_stay_in_order;
mod reload_keeps_connections;
mod shared_websocket_clients_are_served;
mod slow_consumers_hurt_nobody_else;
mod starts_as_told;
mod subscribed_means_delivered;
mod tls_is_spoken;
mod transcripts_are_kept;
mod without_io_uring_epoll_serves;
