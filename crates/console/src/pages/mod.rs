//! The pages: a file for each, with its handlers, its context struct and samples of it.

mod customer;
mod customers;
mod home;
mod portal;
mod sessions;
mod shared;
mod sign_in;

use crate::failure::Failure;
use crate::routes::Routes;
use app::Error;

/// All routes.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(shared::routes)
        .with(sign_in::routes)
        .with(home::routes)
        .with(customers::routes)
        .with(customer::routes)
        .with(sessions::routes)
        .with(portal::routes)
        .get("/console/{*rest}", |_| async { Err(Failure::App(Error::NotFound)) })
}

#[cfg(test)]
mod tests;
