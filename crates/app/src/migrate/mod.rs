//! Customers of a CloudHealth partner account, brought over with their ids.

mod statements;

pub use statements::{ForeignStatement, MigratedStatements};

use crate::access::Call;
use crate::audit::Entry;
use crate::audit::record::CustomerRecord;
use crate::boxed;
use crate::change::Done;
use crate::{App, Error, Permission};
use domain::fields::Fields;
use domain::json::Json;
use domain::name::DisplayName;
use domain::{
    Address, AzureCustomerId, Customer, CustomerId, Email, ExternalId, Handling, NewCustomer,
    RejectedPayload, UtcSecond,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::azure_tenants::{self, Sighting};
use store::customers::{self, Taken};
use store::migrated_customers;

/// A customer as CloudHealth's API answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignCustomer {
    /// Its id, which stays.
    pub id: CustomerId,
    /// What its partner has set.
    pub details: NewCustomer,
    /// Its external id, which stays too; `None` if it has none, and gets one.
    pub external_id: Option<ExternalId>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The Azure tenants that are assigned to it, besides its own.
    pub tenants: Vec<ForeignTenant>,
    /// What a new customer could not have, and is kept as it is.
    pub remarks: Vec<String>,
}

/// An Azure tenant that is assigned to a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignTenant {
    /// Its id at Microsoft.
    pub azure_customer_id: AzureCustomerId,
    /// Company name; may be empty.
    pub name: String,
    /// Primary domain; may be empty.
    pub domain: String,
}

/// What became of a foreign customer.
#[derive(Debug, PartialEq, Eq)]
pub enum Migrated {
    /// It is here now.
    Created,
    /// A customer with its id is here; what differs, if anything.
    There(Vec<String>),
    /// It has come over before and was deleted here since. It stays so.
    Deleted,
    /// It cannot be here, because of other customers.
    Refused(String),
}

/// `json` without `null`s, and with keys in lower case: CloudHealth's answers have both.
pub fn without_quirks(json: Value) -> Value {
    match json {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key.to_lowercase(), without_quirks(value))).collect()
        }
        Value::Array(elements) => elements.into_iter().map(without_quirks).collect(),
        other => other,
    }
}

impl ForeignCustomer {
    /// Reads an answer of which [`without_quirks`] was taken. What our rules refuse, but can be kept, is kept and remarked
    /// on: addresses, and billing contacts.
    ///
    /// # Errors
    /// Why it cannot be brought over.
    pub fn read(answer: &Value) -> Result<Self, Vec<String>> {
        let text = |field: &str| answer[field].as_str();
        let time =
            |field: &str| text(field).and_then(|text| UtcSecond::parse(text).ok()).map(UtcSecond::as_second);
        let time = |field: &str| {
            let seconds = time(field).and_then(|seconds| Timestamp::from_second(seconds).ok());
            seconds.ok_or_else(|| vec![format!("{field} is no time: {}", answer[field])])
        };
        let id = answer["id"].as_i64().filter(|id| *id > 0);
        let id = id.ok_or_else(|| vec![format!("id is no positive number: {}", answer["id"])])?;
        let (details, remarks) = details(answer)?;
        Ok(ForeignCustomer {
            id: CustomerId(id),
            details,
            external_id: text("generated_external_id").map(|id| ExternalId::from_stored(id.to_owned())),
            created_at: time("created_at")?,
            updated_at: time("updated_at").or_else(|_| time("created_at"))?,
            tenants: Vec::new(),
            remarks,
        })
    }

    /// Takes an assigned tenant, in the form in which assignments are listed.
    ///
    /// # Errors
    /// Why it cannot be brought over.
    pub fn assign(&mut self, account: &Value) -> Result<(), String> {
        let text = |field: &str| account[field].as_str().unwrap_or_default().to_owned();
        let id = AzureCustomerId::parse(&text("azure_customer_id"));
        let id = id.map_err(|violation| format!("azure_customer_id {}", violation.message))?;
        let is_own = self.details.azure_customer_id.as_ref().is_some_and(|own| own.key() == id.key());
        if !is_own {
            self.tenants.push(ForeignTenant {
                azure_customer_id: id,
                name: text("name"),
                domain: text("domain"),
            });
        }
        Ok(())
    }

    /// What differs in a customer that is here, and in its tenants.
    fn differences(&self, here: &Customer, tenants: &[AzureCustomerId]) -> Vec<String> {
        let json = |details: &NewCustomer| serde_json::to_value(details).unwrap_or_default();
        let (theirs, ours) = (json(&self.details), json(&here.details));
        let fields: BTreeSet<&String> = [&theirs, &ours]
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(serde_json::Map::keys)
            .collect();
        let mut different: Vec<String> = fields
            .into_iter()
            .filter(|field| theirs[field.as_str()] != ours[field.as_str()])
            .map(|field| format!("{field}: {} there, {} here", theirs[field.as_str()], ours[field.as_str()]))
            .collect();
        if let Some(id) = self.external_id.as_ref().filter(|id| **id != here.generated_external_id) {
            different.push(format!(
                "generated_external_id: {} there, {} here",
                id.as_str(),
                here.generated_external_id.as_str()
            ));
        }
        for (field, theirs, ours) in [
            ("created_at", self.created_at, here.created_at),
            ("updated_at", self.updated_at, here.updated_at),
        ] {
            if theirs != ours {
                different.push(format!("{field}: {theirs} there, {ours} here"));
            }
        }
        let own = self.details.azure_customer_id.iter();
        let theirs: BTreeSet<String> = self
            .tenants
            .iter()
            .map(|tenant| &tenant.azure_customer_id)
            .chain(own)
            .map(AzureCustomerId::key)
            .collect();
        let ours: BTreeSet<String> = tenants.iter().map(AzureCustomerId::key).collect();
        if theirs != ours {
            different.push(format!("assigned tenants: {theirs:?} there, {ours:?} here"));
        }
        different
    }
}

/// The fields of an answer that must be as of a new customer. CloudHealth has others, which mean nothing here.
const STRICT: [&str; 7] = [
    "name",
    "classification",
    "trial_expiration_date",
    "trial_expiration",
    "margin_percentage",
    "partner_billing_configuration",
    "tags",
];

/// The details of a customer, and what in them a new customer could not have.
fn details(answer: &Value) -> Result<(NewCustomer, Vec<String>), Vec<String>> {
    let mut remarks = Vec::new();
    let mut payload = json!({"azure_customer_id": "a"});
    for field in STRICT.iter().filter(|field| !answer[**field].is_null()) {
        payload[*field] = answer[*field].clone();
    }
    // What was `null` is gone.
    if let Some(billing) = payload["partner_billing_configuration"].as_object_mut() {
        billing.entry("enabled").or_insert(false.into());
    }
    for tag in payload["tags"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        tag.entry("value").or_insert("".into());
    }
    // Trials that are over are brought over too.
    let parsed = NewCustomer::parse(&Json::from(&payload), Timestamp::MIN, Handling::Lenient);
    let mut details = parsed.map_err(sentences)?;
    let given = |field: &str| Some(Json::from(&answer[field])).filter(|value| !value.is_blank());
    details.azure_customer_id = match given("azure_customer_id") {
        Some(tenant) => one("azure_customer_id", &tenant)?.azure_customer_id,
        None => None,
    };
    if let Some(address) = given("address") {
        let (address, remark) = address_of(&address)?;
        details.address = Some(address);
        remarks.extend(remark);
    }
    if let Some(Json::String(contact)) = given("billing_contact") {
        details.billing_contact = Some(Email::parse(&contact).unwrap_or_else(|wrong| {
            remarks.push(format!("billing_contact {wrong}"));
            Email::from_stored(contact)
        }));
    }
    if details.azure_customer_id.is_none() && details.address.is_none() {
        remarks.push("it has neither an address nor an azure_customer_id".to_owned());
    }
    Ok((details, remarks))
}

fn sentences(refused: RejectedPayload) -> Vec<String> {
    refused.violations.into_iter().map(|violation| violation.sentence()).collect()
}

/// A payload with one field beside the name.
fn one(field: &str, value: &Json) -> Result<NewCustomer, Vec<String>> {
    let payload = Json::Object(vec![
        ("name".to_owned(), Json::String("A".to_owned())),
        (field.to_owned(), value.clone()),
    ]);
    NewCustomer::parse(&payload, Timestamp::MIN, Handling::Lenient).map_err(sentences)
}

/// An address; if our rules refuse it, as it is, with a remark. Only one without a street, a city or a known country cannot be
/// kept.
fn address_of(json: &Json) -> Result<(Address, Option<String>), Vec<String>> {
    let refused = match one("address", json) {
        Ok(NewCustomer { address: Some(address), .. }) => return Ok((address, None)),
        Ok(_) => Vec::new(),
        Err(refused) => refused,
    };
    let remark = Some(refused.join("; "));
    let Ok(fields) = Fields::of(json, "an object") else { return Err(refused) };
    let text = |key: &str| match fields.given(key) {
        Some(Json::String(text)) => Some(text.trim().to_owned()),
        Some(Json::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let country = text("country").and_then(|country| domain::Country::parse(&country).ok());
    let (Some(street1), Some(city), Some(country)) = (text("street1"), text("city"), country) else {
        return Err(refused);
    };
    let address = Address {
        street1,
        street2: text("street2"),
        city,
        state: text("state"),
        zipcode: text("zipcode"),
        country: country.alpha2().to_owned(),
    };
    Ok((address, remark))
}

impl App {
    /// Brings a customer over, with its tags and tenants, in one transaction. One that is here already is left as it is, and
    /// one that was deleted here after it had come over stays deleted, unless `is_wanted_again`.
    #[boxed]
    pub async fn migrate_customer(
        &self,
        call: &Call,
        foreign: ForeignCustomer,
        is_wanted_again: bool,
    ) -> Result<Migrated, Error> {
        let grant = self.require(call, Permission::ChangeCustomers).await?;
        let external_id = match &foreign.external_id {
            Some(id) => id.clone(),
            None => self.random.external_id()?,
        };
        let terms = (external_id, is_wanted_again, self.random.nonce()?, self.clock.now());
        grant
            .change((call.partner(), foreign, terms), |(partner, foreign, terms), tx| {
                let (external_id, is_wanted_again, random, now) = terms;
                Box::pin(async move {
                    if let Some(found) = compare(tx, *partner, foreign, *is_wanted_again).await? {
                        return Ok(Done { value: found, entry: None });
                    }
                    let customer = Customer {
                        id: foreign.id,
                        details: foreign.details.clone(),
                        generated_external_id: external_id.clone(),
                        created_at: foreign.created_at,
                        updated_at: foreign.updated_at,
                        version: 0,
                        billing_configuration: None,
                    };
                    let inserted = customers::insert_migrated(tx, *partner, &customer, *random, *now).await?;
                    let customer = match inserted {
                        Ok(customer) => customer,
                        // A job that fails is undone; nothing was written here.
                        Err(taken) => return Ok(Done { value: refused(taken), entry: None }),
                    };
                    migrated_customers::note(tx, *partner, customer.id).await?;
                    for tenant in &foreign.tenants {
                        let azure = &tenant.azure_customer_id;
                        if !azure_tenants::assign(tx, *partner, azure, customer.id, *now).await? {
                            let message =
                                format!("its tenant {} belongs to another customer", azure.as_str());
                            return Err(Error::Conflict(message.into()));
                        }
                        let seen = Sighting {
                            azure_customer_id: azure.clone(),
                            name: tenant.name.clone(),
                            name_key: DisplayName::from_stored(tenant.name.clone()).key(),
                            domain: tenant.domain.clone(),
                            address: None,
                        };
                        azure_tenants::note(tx, *partner, &seen, *now).await?;
                    }
                    let record = CustomerRecord::from(&customer);
                    let mut entry =
                        Entry::new("customer.migrate", format!("customers/{}", customer.id)).after(&record);
                    entry.reason = (!foreign.remarks.is_empty()).then(|| foreign.remarks.join("; "));
                    Ok(Done { value: Migrated::Created, entry: Some(entry) })
                })
            })
            .await
            .or_else(|error| match error {
                Error::Conflict(why) => Ok(Migrated::Refused(why.to_string())),
                other => Err(other),
            })
    }

    /// What [`App::migrate_customer`] would do; after it, whether it has done so.
    #[boxed]
    pub async fn compare_customer(
        &self,
        call: &Call,
        foreign: ForeignCustomer,
        is_wanted_again: bool,
    ) -> Result<Migrated, Error> {
        let input = (call.partner(), foreign, is_wanted_again);
        self.require(call, Permission::ReadCustomers)
            .await?
            .read(input, |(partner, foreign, is_wanted_again), tx| {
                Box::pin(async move {
                    if let Some(found) = compare(tx, *partner, foreign, *is_wanted_again).await? {
                        return Ok(found);
                    }
                    let (name, azure) =
                        (Some(&foreign.details.name), foreign.details.azure_customer_id.as_ref());
                    Ok(match customers::taken(tx, *partner, name, azure, None).await? {
                        taken if taken == Taken::default() => Migrated::Created,
                        taken => refused(taken),
                    })
                })
            })
            .await
    }
}

/// The customer that has this id here, compared; or that it was deleted here.
async fn compare(
    tx: &mut store::Tx,
    partner: domain::PartnerId,
    foreign: &ForeignCustomer,
    is_wanted_again: bool,
) -> Result<Option<Migrated>, Error> {
    let Some(here) = customers::get(tx, partner, foreign.id).await? else {
        let is_deleted = !is_wanted_again && migrated_customers::has(tx, partner, foreign.id).await?;
        return Ok(is_deleted.then_some(Migrated::Deleted));
    };
    let filter = azure_tenants::Filter { customer: Some(foreign.id), ..azure_tenants::Filter::default() };
    let (tenants, _) = azure_tenants::list(tx, partner, &filter, 0, i64::from(i32::MAX)).await?;
    let tenants: Vec<AzureCustomerId> = tenants.into_iter().map(|tenant| tenant.azure_customer_id).collect();
    Ok(Some(Migrated::There(foreign.differences(&here, &tenants))))
}

fn refused(taken: Taken) -> Migrated {
    Migrated::Refused(match (taken.name, taken.azure_customer_id) {
        (true, true) => "its name and its azure_customer_id belong to another customer here".to_owned(),
        (true, false) => {
            "its name belongs to another customer here (case and white space do not count)".to_owned()
        }
        (false, true) => "its azure_customer_id belongs to another customer here".to_owned(),
        (false, false) => "its external id belongs to another customer here".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: &Value) -> Result<ForeignCustomer, Vec<String>> {
        let mut answer = json!({
            "ID": 3947, "Name": "Acme Corp", "Classification": "managed_without_access", "margin_percentage": null,
            "created_at": "2016-09-15T18:17:04Z", "updated_at": "2016-09-16T18:17:04Z", "trial_expiration_date": "2016-09-22",
            "generated_external_id": "1a2b3c4d5e6f", "partner_billing_configuration": {"Enabled": "true", "folder": null},
            "address": {"street1": "1 Main St", "City": "Springfield", "state": "MA", "zipcode": 1234, "country": "US"},
            "tags": [{"key": "Customer_ID", "value": "973532"}], "_links": {"self": {"href": "/v1/customers/3947"}},
        });
        for (field, value) in change.as_object().unwrap() {
            answer[field] = value.clone();
        }
        ForeignCustomer::read(&without_quirks(answer))
    }

    #[test]
    fn answers_are_read_with_their_quirks() {
        let customer = read(&json!({})).unwrap();
        assert_eq!((customer.id.0, customer.details.name.as_str()), (3947, "Acme Corp"));
        assert_eq!(customer.details.address.as_ref().unwrap().zipcode.as_deref(), Some("01234"));
        assert_eq!(customer.details.tags[0].key, "Customer_ID", "values keep their case");
        assert!(customer.details.partner_billing_configuration.enabled && customer.remarks.is_empty());
        assert_eq!(customer.details.trial_expiration_date.unwrap().as_second(), 1_474_502_400);
    }

    #[test]
    fn what_our_rules_refuse_is_kept_and_remarked_on() {
        let address = |state: &str, zipcode: &str| json!({"street1": "1 Main St", "city": "Sydney", "state": state, "zipcode": zipcode, "country": "Australia"});
        for (change, remark) in [
            (json!({"address": address("NSW", "2000")}), "address.state must be the full name"),
            (json!({"address": address("New South Wales", "x-1234567890123456789")}), "address.zipcode"),
            (json!({"billing_contact": "abc"}), "billing_contact must be an e-mail address"),
            (json!({"address": null}), "it has neither an address nor an azure_customer_id"),
        ] {
            let customer = read(&change).unwrap();
            assert!(
                customer.remarks.len() == 1 && customer.remarks[0].contains(remark),
                "{change}: {:?}",
                customer.remarks
            );
        }
        let kept = read(&json!({"address": address("NSW", "x")})).unwrap().details.address.unwrap();
        assert_eq!(
            (kept.state.as_deref(), kept.zipcode.as_deref(), kept.country.as_str()),
            (Some("NSW"), Some("x"), "AU")
        );
    }

    #[test]
    fn what_cannot_be_kept_is_told() {
        for (change, why) in [
            (json!({"ID": "x"}), "id is no positive number"),
            (json!({"Name": ""}), "name is required"),
            (json!({"Classification": "admin"}), "classification must be one of"),
            (json!({"created_at": "yesterday"}), "created_at is no time"),
            (json!({"margin_percentage": 100}), "margin_percentage must be"),
            (
                json!({"partner_billing_configuration": {"enabled": true, "folder": "../x"}}),
                "partner_billing_configuration.folder",
            ),
            (json!({"address": {"street1": "a", "country": "US"}}), "address.city is required"),
        ] {
            let refused = read(&change).unwrap_err();
            assert!(refused.iter().any(|message| message.contains(why)), "{change}: {refused:?}");
        }
    }
}
