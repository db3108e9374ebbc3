//! The harness against servers that do wrong on purpose, each in one way: every check must fail the run.
//! And against the real one, whose numbers must be what the harness saw.

mod batched_messages_are_told_apart;
mod batching;
mod churners_are_checked;
mod clean_runs_pass;
mod compressed_runs;
mod deflating;
mod descriptors_are_enough;
mod each_fault_fails_the_run;
mod floor_is_its_own_server;
mod harness;
#[path = "../../../tests/support/http.rs"]
#[allow(dead_code, reason = "it is made for the server's own tests")]
mod http;
mod interrupts_end_runs;
mod limits_are_kept;
mod pages_are_drawn;
mod pages_look_right;
mod planted;
mod progress_is_told;
mod ramps_find_the_knee;
mod real_server;
mod runs_end_in_time;
mod secured_runs;
mod series_are_summed_up;
mod server_counts_what_clients_saw;
mod servers_are_compared;
mod slow_subscribers_hold_up_nobody;
mod soaks_find_drift;
mod storms_are_weathered;
mod tls_front;
mod usage_is_explained;

/// How long the server's API may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
