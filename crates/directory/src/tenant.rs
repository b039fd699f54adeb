//! Azure tenants as a directory knows them, and pages of them.

use domain::{Address, AzureCustomerId, Violations};

/// An Azure tenant as a directory knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id: in Partner Center a GUID.
    pub azure_customer_id: AzureCustomerId,
    /// The company's name: one line, at most 255 characters. Never empty (then it is the domain, or the id), unless the tenant
    /// is hidden.
    pub name: String,
    /// Its primary domain, if the directory knows one, else `""`.
    pub domain: String,
    /// Its address, as far as it is known.
    pub address: TenantAddress,
}

impl Tenant {
    pub(crate) fn new(id: AzureCustomerId, name: &str, domain: &str, address: TenantAddress) -> Self {
        let domain = crate::text::name(domain);
        let given = crate::text::name(name);
        let fallback = if matches!(address, TenantAddress::Hidden(_)) { "" } else { id.as_str() };
        let name = [given, domain.clone(), fallback.to_owned()].into_iter().find(|name| !name.is_empty());
        Tenant { name: name.unwrap_or_default(), domain, azure_customer_id: id, address }
    }
}

/// What a directory says of a tenant's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantAddress {
    /// Nobody asked: lists come without addresses.
    NotAsked,
    /// It has none. A country alone is none.
    Missing,
    /// The directory does not let us see it; why.
    Hidden(String),
    /// It has one, but not one that keeps the platform's rules: what is wrong, with pointers from the address.
    Unusable(Violations),
    /// It has one.
    Known(Address),
}

impl TenantAddress {
    /// The address, or a sentence that says why there is none to use.
    ///
    /// # Errors
    /// The sentence, to be read after "the tenant's address in the directory".
    pub fn usable(&self) -> Result<&Address, String> {
        match self {
            TenantAddress::Known(address) => Ok(address),
            TenantAddress::NotAsked => Err("has not been asked for".to_owned()),
            TenantAddress::Missing => Err("is not entered there".to_owned()),
            TenantAddress::Hidden(why) => Err(format!("cannot be seen: {why}")),
            TenantAddress::Unusable(violations) => Err(format!("cannot be used: {violations}")),
        }
    }
}

/// A page of a directory's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The tenants, no two of a page with the same id.
    pub tenants: Vec<Tenant>,
    /// Where the list goes on, unless this was its end.
    pub next: Option<Cursor>,
    /// Entries that name no tenant, and why: to be logged, not to stop the walk.
    pub skipped: Vec<String>,
    /// Why the list ends here although it says that it goes on: its continuation failed in two walks. What was read before
    /// stands.
    pub cut_off: Option<String>,
}

/// Where a list goes on: opaque text, made by one directory and good for that one only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor as it was stored.
    pub fn from_stored(text: String) -> Self {
        Cursor(text)
    }

    /// The cursor, to be stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
