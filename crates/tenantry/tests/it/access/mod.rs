//! Who gets in, and what they may do there.

mod api_keys;
mod commands;
mod keys;
mod matrix;
mod shut;
mod users;
