//! The console in a real headless Chromium, over the W3C WebDriver protocol.
//!
//! Needs Debian's packages chromium and chromium-driver, and Node.js for axe-core; `scripts/test` installs them. Without
//! Chromium the tests say that they are skipped, and fail in CI.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod accessibility;
mod billing;
mod customers;
mod driver;
mod lighthouse;
mod month;
mod page;
mod pictures;
mod portal;
mod single_sign_on;

use page::{Look, Page};
use test_support as support;
