//! Who gets in, and what they may do there.

mod commands;
mod keys;
mod matrix;
mod shut;
mod users;
