//! The harness against servers that do wrong on purpose, each in one way: every check must fail the run.

mod clean_runs_pass;
mod each_fault_fails_the_run;
mod floor_is_its_own_server;
mod harness;
mod interrupts_end_runs;
mod planted;
mod runs_end_in_time;
mod usage_is_explained;
