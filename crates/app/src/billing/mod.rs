//! Billing: from an invoice to every customer's bill.

pub(crate) mod health;
