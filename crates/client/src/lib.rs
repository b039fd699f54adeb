//! A client of Tenantry's HTTP API.
//!
//! [`Client`] sends requests and repeats those that a server could not answer; [`Pages`] follows the pages of a list;
//! [`Download`] is a body that is read piece by piece. JSON is handed out as [`serde_json::Value`]: a server may have fields
//! that this client does not know, and they are kept.

mod base;
mod body;
mod client;
mod error;
mod pages;
mod proxy;
mod retry;
mod transport;

pub use base::BaseUrl;
pub use body::Download;
pub use client::{Client, Options, Request, Response};
pub use error::{Detail, Error, Problem};
pub use pages::Pages;
pub use proxy::Proxies;
pub use retry::Patience;
