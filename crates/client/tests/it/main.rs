//! The client against servers that answer what a test says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod proxies;
mod requests;
mod scripted;
mod tls;
