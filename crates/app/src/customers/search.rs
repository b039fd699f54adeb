//! Lists of customers: the query parameters and the pages.

use super::CustomerView;
use crate::access::Call;
use crate::billing::health;
use crate::boxed;
use crate::paging::{self, Paging, Query, one_of, time, truth};
use crate::permissions::Permission;
use crate::{App, Error};
use domain::{AzureCustomerId, Classification, CustomerId, DisplayName, Violation};
use jiff::Timestamp;
use store::customers::{self, Filter, Listed, Trial, Window};
pub use store::customers::{BillingProblem, Order};

const PARAMETERS: [&str; 8] = [
    "cursor",
    "q",
    "classification",
    "tag",
    "trial",
    "azure_customer_id",
    "partner_billing",
    "updated_since",
];

/// The paging and the filters of a list of customers.
#[derive(Clone, Debug)]
pub struct Search {
    /// The page.
    pub paging: Paging,
    /// The last customer of the page before, from the cursor; replaces the offset of `paging`.
    pub after: Option<CustomerId>,
    /// The order; a cursor needs the default one.
    pub order: Order,
    /// Whether the total may be an estimate where counting would take long.
    pub may_estimate: bool,
    filter: Filter,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The customers, in the order of their ids.
    pub customers: Vec<CustomerView>,
    /// The number of customers in the whole list.
    pub total: i64,
    /// Whether the total is an estimate, which was allowed by [`Search::may_estimate`].
    pub is_estimate: bool,
    /// Whether another page follows.
    pub more: bool,
}

impl Search {
    /// Parses a query string. Blank parameters count as absent.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every invalid parameter, as `/name`.
    pub fn parse(query: &Query, now: Timestamp) -> Result<Self, Error> {
        let (paging, order, filter) = (Paging::default(), Order::default(), Filter::default());
        let mut search = Search { paging, after: None, order, may_estimate: false, filter };
        paging::read(query, &PARAMETERS, |name, value| search.take(name, value, now))?;
        Ok(search)
    }

    /// Restricts the list to customers whose trial has not ended and ends before `end`.
    #[must_use]
    pub fn trial_ending(mut self, now: Timestamp, end: Timestamp) -> Self {
        self.filter.trial = Some((Trial::Active, now));
        self.filter.trial_ends_before = Some(end);
        self
    }

    /// Restricts the list to customers that are billed, and whose bills something is in the way of.
    #[must_use]
    pub fn with_billing_problem(mut self, problem: BillingProblem) -> Self {
        self.filter.billing_problem = Some(problem);
        self
    }

    fn take(&mut self, name: &str, value: &str, now: Timestamp) -> Result<(), Violation> {
        let filter = &mut self.filter;
        match name {
            _ if self.paging.take(name, value)? => {}
            "cursor" => self.after = Some(parse_cursor(value)?),
            "q" => filter.name_part = Some(DisplayName::parse(value)?.key()),
            "classification" => {
                filter.classification = Some(one_of(value, &Classification::ALL.map(|c| (c.as_str(), c)))?);
            }
            "tag" => filter.tags.push(value.to_owned()),
            "trial" => {
                let trials = [("active", Trial::Active), ("expired", Trial::Expired), ("none", Trial::None)];
                filter.trial = Some((one_of(value, &trials)?, now));
            }
            "azure_customer_id" => {
                filter.azure_customer_id = Some(AzureCustomerId::parse(value)?);
            }
            "partner_billing" => {
                filter.partner_billing = Some(truth(value)?);
            }
            "updated_since" => filter.updated_since = Some(time(value)?),
            _ => {}
        }
        Ok(())
    }
}

/// The cursor of the page that follows this customer. Opaque to clients, so that its format can change.
pub fn cursor(after: CustomerId) -> String {
    format!("c{}", base62::encode(after.0.unsigned_abs()))
}

fn parse_cursor(value: &str) -> Result<CustomerId, Violation> {
    let number = value.strip_prefix('c').and_then(|rest| base62::decode(rest).ok());
    number.and_then(|n| i64::try_from(n).ok()).map(CustomerId).ok_or_else(paging::wrong_cursor)
}

impl App {
    /// A page of the partner's customers.
    #[boxed]
    pub async fn customers(&self, call: &Call, search: Search) -> Result<Page, Error> {
        let grant = self.require(call, Permission::ReadCustomers).await?;
        let input = (call.partner(), search, call.visibility());
        grant
            .list(input, |(partner, search, visibility), tx| {
                Box::pin(async move {
                    let skip = if search.after.is_some() { 0 } else { search.paging.skip() };
                    let per_page = search.paging.per_page;
                    // One customer more than the page shows whether another page follows.
                    let (after, order) = (search.after, search.order);
                    let window =
                        Window { after, skip, limit: per_page + 1, order, may_estimate: search.may_estimate };
                    let Listed { customers: mut found, total, is_estimate } =
                        customers::list(tx, *partner, &search.filter, window).await?;
                    let more = found.len() as i64 > per_page;
                    found.truncate(per_page as usize);
                    health::tell(tx, *partner, &mut found).await?;
                    let view = |customer| CustomerView::new(customer, *visibility);
                    Ok(Page { customers: found.into_iter().map(view).collect(), total, is_estimate, more })
                })
            })
            .await
    }
}
