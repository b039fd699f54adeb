//! The pages: a file for each, with its handlers, its context struct and samples of it.

mod assign;
mod audit;
mod audit_verify;
mod automation;
mod bill;
mod bill_lines;
mod bill_run;
mod billing;
mod branding;
mod comparison;
mod customer;
mod customer_delete;
mod customer_form;
mod customers;
mod customers_change;
mod directory;
mod directory_connection;
mod finalize;
mod home;
mod invitation;
mod invoices;
mod portal;
mod portal_users;
mod price_rule_form;
mod price_rule_trial;
mod price_rules;
mod run_actions;
mod sessions;
mod shared;
mod sign_in;
mod sign_in_settings;
mod single_sign_on;
mod statement;
mod user_keys;
mod users;

use crate::failure::Failure;
use crate::routes::Routes;
use app::Error;

/// All routes.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(shared::routes)
        .with(sign_in::routes)
        .with(single_sign_on::routes)
        .with(home::routes)
        .with(customers::routes)
        .with(customers_change::routes)
        .with(customer::routes)
        .with(customer_form::routes)
        .with(customer_delete::routes)
        .with(users::routes)
        .with(invitation::routes)
        .with(billing::routes)
        .with(invoices::routes)
        .with(automation::routes)
        .with(bill_run::routes)
        .with(run_actions::routes)
        .with(finalize::routes)
        .with(bill::routes)
        .with(price_rules::routes)
        .with(price_rule_form::routes)
        .with(statement::routes)
        .with(directory::routes)
        .with(directory_connection::routes)
        .with(assign::routes)
        .with(audit::routes)
        .with(audit_verify::routes)
        .with(sign_in_settings::routes)
        .with(branding::routes)
        .with(sessions::routes)
        .with(portal::routes)
        .with(portal_users::routes)
        .get("/console/{*rest}", |_| async { Err(Failure::App(Error::NotFound)) })
}

#[cfg(test)]
mod tests;
