//! Who has a tenant on which day, and at which margin: what is told of customers, resolved before the first line is read.

use crate::failure::Failure;
use crate::identity::{TENANT_FINGERPRINT, tenant_fingerprint, tenant_id};
use crate::job::{BilledCustomer, Job, Terms};
use crate::price::number;
use crate::rule::Percent;
use crate::source::fault;
use crate::wording::{Message, Wording};
use std::collections::{BTreeMap, HashMap};

/// Who has a tenant in a span of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// No customer.
    Nobody,
    /// A customer whose billing is off on these days.
    NotBilled,
    /// A customer of the job, by its index, at its own margin of these days.
    Billed { customer: usize, margin: Percent },
}

/// Days with one owner, at one margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first day that it does not cover, as `yyyymmdd`. It begins where the one before it ends.
    until: u32,
    owner: Owner,
}

/// A tenant that no customer ever had.
const UNKNOWN: &[Span] = &[Span { until: u32::MAX, owner: Owner::Nobody }];

/// The owner on a day. Mostly there is one span.
#[inline]
pub(crate) fn owner_on(spans: &[Span], day: u32) -> Owner {
    spans.iter().find(|span| day < span.until).map_or(Owner::Nobody, |span| span.owner)
}

/// The owners of all tenants of a job.
pub(crate) struct Owners {
    spans: Vec<Vec<Span>>,
    by_tenant: HashMap<String, usize>,
    by_fingerprint: HashMap<[u8; TENANT_FINGERPRINT], Vec<usize>>,
    /// The days on which a tenant changes its owner or margin, in their order.
    changes: Vec<u32>,
    /// The day of lines that have none.
    first_day: u32,
}

impl Owners {
    /// # Errors
    /// A tenant that two customers have on one day.
    pub(crate) fn of(job: &Job) -> Result<Self, Failure> {
        let mut tenancies: BTreeMap<String, Vec<(u32, u32, usize)>> = BTreeMap::new();
        for (i, customer) in job.customers.iter().enumerate() {
            for tenancy in &customer.tenants {
                let (from, until) = (tenancy.from.map_or(0, number), tenancy.until.map_or(u32::MAX, number));
                tenancies.entry(tenant_id(&tenancy.tenant)).or_default().push((from, until, i));
            }
        }
        let mut owners = Owners {
            spans: Vec::with_capacity(tenancies.len()),
            by_tenant: HashMap::with_capacity(tenancies.len()),
            by_fingerprint: HashMap::with_capacity(tenancies.len()),
            changes: Vec::new(),
            first_day: number(job.period.first_day()),
        };
        for (tenant, mut of_tenant) in tenancies {
            of_tenant.sort_unstable();
            let Some(spans) = spans(&job.customers, &of_tenant) else {
                let message = format!("the tenant {tenant} belongs to two customers");
                let wording = Wording::new("report-tenant-of-two", [("tenant", tenant.into())]);
                return Err(fault("", Message::worded(message, wording)).into());
            };
            owners.changes.extend(spans.iter().map(|span| span.until));
            let at = owners.spans.len();
            owners.by_fingerprint.entry(tenant_fingerprint(&tenant)).or_default().push(at);
            owners.by_tenant.insert(tenant, at);
            owners.spans.push(spans);
        }
        owners.changes.sort_unstable();
        owners.changes.dedup();
        Ok(owners)
    }

    /// The day of a line that says `day`, as `yyyymmdd`: the first of the month where it says none (0).
    #[inline]
    pub(crate) fn day(&self, day: u32) -> u32 {
        if day == 0 { self.first_day } else { day }
    }

    /// The spans of a tenant, given as [`tenant_id`] gives it.
    pub(crate) fn of_tenant(&self, tenant: &str) -> &[Span] {
        self.by_tenant.get(tenant).map_or(UNKNOWN, |at| &self.spans[*at])
    }

    /// A day between two changes that stands for all of them.
    pub(crate) fn epoch(&self, day: u32) -> u32 {
        match self.changes.partition_point(|change| *change <= self.day(day)) {
            0 => 0,
            after => self.changes[after - 1],
        }
    }

    fn owners_on(&self, fingerprint: [u8; TENANT_FINGERPRINT], day: u32) -> impl Iterator<Item = Owner> + '_ {
        self.by_fingerprint
            .get(&fingerprint)
            .into_iter()
            .flatten()
            .map(move |at| owner_on(&self.spans[*at], day))
    }

    /// Whether a customer is billed on a day for the tenant with this fingerprint.
    pub(crate) fn is_billed(&self, fingerprint: [u8; TENANT_FINGERPRINT], day: u32) -> bool {
        self.owners_on(fingerprint, day).any(|owner| matches!(owner, Owner::Billed { .. }))
    }

    /// Whether this customer is.
    pub(crate) fn is_billed_to(
        &self,
        fingerprint: [u8; TENANT_FINGERPRINT],
        day: u32,
        customer: usize,
    ) -> bool {
        self.owners_on(fingerprint, day)
            .any(|owner| matches!(owner, Owner::Billed { customer: owner, .. } if owner == customer))
    }
}

/// The spans of a tenant, of its sorted tenancies; `None` if two customers have it on one day.
fn spans(customers: &[BilledCustomer], tenancies: &[(u32, u32, usize)]) -> Option<Vec<Span>> {
    let mut spans: Vec<Span> = Vec::new();
    let mut push = |until: u32, owner: Owner| match spans.last_mut() {
        Some(last) if last.owner == owner => last.until = until,
        _ => spans.push(Span { until, owner }),
    };
    let (mut at, mut last) = (0, None);
    for &(from, until, customer) in tenancies {
        if from < at && last != Some(customer) {
            return None;
        }
        last = Some(customer);
        if from > at {
            push(from, Owner::Nobody);
            at = from;
        }
        let terms = &customers[customer].terms;
        for (i, term) in terms.iter().enumerate() {
            let end = terms.get(i + 1).map_or(u32::MAX, starts).min(until);
            if end > at {
                push(end, owner(customer, term));
                at = end;
            }
        }
    }
    if at < u32::MAX {
        push(u32::MAX, Owner::Nobody);
    }
    Some(spans)
}

fn starts(terms: &Terms) -> u32 {
    terms.from.map_or(0, number)
}

fn owner(customer: usize, terms: &Terms) -> Owner {
    match terms.billing_enabled {
        true => Owner::Billed { customer, margin: terms.margin.into() },
        false => Owner::NotBilled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Tenancy;
    use domain::Margin;
    use jiff::civil::{Date, date};

    fn customer(terms: &[(Option<Date>, bool, &str)]) -> BilledCustomer {
        let terms = terms.iter().map(|(from, billing_enabled, margin)| Terms {
            from: *from,
            billing_enabled: *billing_enabled,
            margin: Margin::parse(margin).unwrap(),
        });
        BilledCustomer {
            id: 1,
            address: Vec::new(),
            name: String::new(),
            tenants: vec![Tenancy::from("t")],
            terms: terms.collect(),
            folder: String::new(),
            previous_charge: Vec::new(),
            corrections: Vec::new(),
            payable_with: None,
            released: false,
        }
    }

    #[test]
    fn spans_cover_all_days_once() {
        let third = Some(date(2026, 11, 3));
        let customers = [
            customer(&[(None, true, "15")]),
            customer(&[(None, true, "50"), (third, true, "20"), (Some(date(2026, 11, 20)), false, "20")]),
        ];
        let shown = |tenancies: &[(u32, u32, usize)]| -> Option<Vec<String>> {
            let text = |owner| match owner {
                Owner::Nobody => "nobody".to_owned(),
                Owner::NotBilled => "off".to_owned(),
                Owner::Billed { customer, margin } => format!("{customer} at {margin}"),
            };
            let spans = spans(&customers, tenancies)?;
            Some(spans.iter().map(|span| format!("{} until {}", text(span.owner), span.until)).collect())
        };
        const END: u32 = u32::MAX;
        for (tenancies, expected) in [
            (&[(0, END, 0)][..], Some(vec!["0 at 15 until 4294967295"])),
            (
                &[(0, 20_261_103, 0), (20_261_103, END, 1)],
                Some(vec!["0 at 15 until 20261103", "1 at 20 until 20261120", "off until 4294967295"]),
            ),
            (
                &[(20_261_001, 20_261_105, 1)],
                Some(vec![
                    "nobody until 20261001",
                    "1 at 50 until 20261103",
                    "1 at 20 until 20261105",
                    "nobody until 4294967295",
                ]),
            ),
            // One behind the other is one span; on one day, two customers are none.
            (&[(0, 20_261_001, 0), (20_261_001, END, 0)], Some(vec!["0 at 15 until 4294967295"])),
            (&[(0, 20_261_104, 0), (20_261_103, END, 1)], None),
        ] {
            let expected = expected.map(|spans| spans.into_iter().map(str::to_owned).collect());
            assert_eq!(shown(tenancies), expected, "{tenancies:?}");
        }
    }
}
