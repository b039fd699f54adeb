//! The domain of a Microsoft CSP partner: customers and users, their payloads, and the rules for them.
//!
//! The crate is pure: it has no I/O, clock, randomness, SQL or HTTP, and the time is a parameter. A value of its types is
//! always valid. Parsing a payload reports all [`Violations`] at once, each with its JSON pointer.
//!
//! The path of a request body: bytes → [`Json::parse`] → [`NewCustomer::parse`] (a `POST`) or
//! [`Customer::patched`] (a `PUT`).

pub mod address;
pub mod address_ranges;
pub mod azure;
pub mod branding;
pub mod classification;
pub mod contact;
pub mod country;
pub mod customer;
pub mod fields;
pub mod ids;
pub mod json;
pub mod margin;
pub mod name;
pub mod near;
pub mod partner_billing;
pub mod payload;
pub mod role;
pub mod tags;
pub mod terms;
pub mod text;
pub mod timeline;
pub mod user;
pub mod user_key;
pub mod utc_second;
pub mod version;
pub mod violation;

mod json_diagnostics;
mod state;
mod table;
mod zipcode;

pub use address::Address;
pub use address_ranges::AddressRanges;
pub use azure::AzureCustomerId;
pub use classification::Classification;
pub use contact::Email;
pub use country::{Country, Needed};
pub use customer::{Customer, Handling, NewCustomer, RejectedPayload};
pub use ids::{CustomerId, ExternalId, PartnerId, UserId};
pub use json::Json;
pub use margin::Margin;
pub use name::DisplayName;
pub use partner_billing::{BillingConfiguration, BillingFault, PartnerBilling, check_folder};
pub use role::{Role, Roles};
pub use tags::Tag;
pub use timeline::Timeline;
pub use user::{NewUser, User};
pub use user_key::{KeyRotation, NewKey, UserKey};
pub use utc_second::UtcSecond;
pub use violation::{Reason, Violation, Violations, code};
