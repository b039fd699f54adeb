//! The console, as a browser without JavaScript sees it.

mod bill;
mod billing;
pub(crate) mod branding;
mod customer_list;
mod customers;
mod directory;
mod directory_connection;
mod ends;
mod faults;
mod forms;
mod invitations;
mod matrix;
mod pages;
mod portal;
mod portal_users;
mod price_rules;
mod single_sign_on;
mod trail;
mod users;

pub(crate) use crate::support::browser::Browser;
