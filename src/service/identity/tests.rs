mod good_tokens;
mod hostile_tokens;
mod keys;
mod remote;
