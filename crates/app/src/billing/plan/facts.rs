//! Whether bills were made by facts that have changed since: whose a tenant is, a margin, the billing switch, a folder, on a day
//! that the bills are about. Such bills are not published or made final unless that is accepted.

use super::{Plan, Planned, PlannedTenancy, PlannedTerms, folder_of, parsed};
use crate::billing::report::{CustomerBill, Place, RunReport, RunWarning, stored};
use crate::{Error, Refusal};
use domain::{CustomerId, PartnerId};
use jiff::civil::Date;
use rating::{BillingPeriod, WarningCode, Wording, count_of};
use std::collections::{BTreeMap, BTreeSet};
use store::bill_runs::{self, BillRun};
use store::billing::{self, Billable};
use store::statements::{self, Filter, Status};
use store::{Tx, billing::Tenancy};

/// What a run's bills depend on of a customer, until the last day that its lines can be of. Days are texts: `""` is the
/// beginning.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    /// Tenants, each from a day until another.
    tenants: BTreeSet<(String, String, String)>,
    /// Whether it is billed, and its margin, from a day on.
    terms: Vec<(String, bool, i64)>,
    folder: String,
}

/// The day after the last that counts, which stands for every later one.
fn clipped(day: Option<String>, end: &str) -> String {
    day.filter(|day| day.as_str() < end).unwrap_or_else(|| end.to_owned())
}

impl Facts {
    fn new(
        tenants: impl Iterator<Item = (String, Option<String>, Option<String>)>,
        terms: impl Iterator<Item = (Option<String>, bool, i64)>,
        folder: &str,
        end: &str,
    ) -> Self {
        let tenants = tenants.map(|(tenant, from, until)| {
            (tenant.to_ascii_lowercase(), from.unwrap_or_default(), clipped(until, end))
        });
        let tenants = tenants.filter(|(_, from, until)| from < until).collect();
        let mut known: Vec<(String, bool, i64)> = Vec::new();
        for (from, billed, margin) in terms {
            let from = from.unwrap_or_default();
            let is_news = known.last().is_none_or(|last| (last.1, last.2) != (billed, margin));
            if is_news && from.as_str() < end {
                known.push((from, billed, margin));
            }
        }
        Facts { tenants, terms: known, folder: folder.to_owned() }
    }

    /// As a run has noted them.
    fn planned(planned: &Planned, end: &str) -> Self {
        let always = planned.tenants.iter().map(|tenant| (tenant.clone(), None, None));
        let dated = planned
            .tenancies
            .iter()
            .map(|PlannedTenancy { tenant, from, until }| (tenant.clone(), from.clone(), until.clone()));
        let whole = PlannedTerms { from: None, billed: planned.billed, margin: planned.margin };
        let terms = match planned.terms.as_slice() {
            [] => std::slice::from_ref(&whole),
            terms => terms,
        };
        let terms = terms.iter().map(|terms| (terms.from.clone(), terms.billed, terms.margin));
        Facts::new(always.chain(dated), terms, &planned.folder, end)
    }

    /// As they are now.
    fn present(customer: &Billable, last_day: Date, end: &str) -> Self {
        let text = |day: Option<Date>| day.map(|day| day.to_string());
        let always = customer.tenants.iter().map(|tenant| (tenant.clone(), None, None));
        let dated = customer
            .tenancies
            .iter()
            .map(|Tenancy { tenant, from, until }| (tenant.clone(), text(*from), text(*until)));
        let spans = customer.terms.spans();
        let terms =
            spans.iter().map(|span| (text(span.from), span.billing.enabled, span.margin.ten_thousandths()));
        Facts::new(always.chain(dated), terms, &folder_of(&customer.terms, last_day), end)
    }

    /// Whether a bill with lines would be another one. A folder matters where there are bills.
    fn is_as(&self, other: &Facts, has_bill: bool) -> bool {
        self.tenants == other.tenants
            && (self.tenants.is_empty() || self.terms == other.terms)
            && (!has_bill || self.folder == other.folder)
    }
}

/// The bills of a month that are neither final nor withdrawn, and what they were made by.
struct Made {
    plan: Plan,
    report: RunReport,
    /// The customers that have bills of this run; all that may have them, if it is the month's last run.
    customers: Option<BTreeSet<i64>>,
    end: String,
}

impl Made {
    /// The customers whose bills of this run would be others by now.
    fn changed(&self, month: BillingPeriod, present: &[Billable]) -> BTreeSet<i64> {
        let last_day = month.end().yesterday().unwrap_or(month.first_day());
        let end = self.end.as_str();
        let with_bills: BTreeSet<i64> = self.report.customers.iter().map(|bill| bill.customer_id).collect();
        // Of which some customer may have become the owner.
        let unassigned: BTreeSet<String> =
            self.report.unassigned.iter().map(|left| left.azure_customer_id.to_ascii_lowercase()).collect();
        let mut facts: BTreeMap<i64, (Facts, Facts)> = BTreeMap::new();
        for planned in &self.plan.customers {
            facts.entry(planned.id).or_default().0 = Facts::planned(planned, end);
        }
        for customer in present {
            facts.entry(customer.id.0).or_default().1 = Facts::present(customer, last_day, end);
        }
        let is_changed = |(id, (then, now)): &(i64, (Facts, Facts))| {
            let has_bill = with_bills.contains(id);
            let has_lines = || {
                let tenants = || then.tenants.iter().chain(&now.tenants).map(|(tenant, ..)| tenant);
                has_bill || tenants().any(|tenant| unassigned.contains(tenant))
            };
            self.customers.as_ref().is_none_or(|own| own.contains(id))
                && !then.is_as(now, has_bill)
                && has_lines()
        };
        facts.into_iter().filter(is_changed).map(|(id, _)| id).collect()
    }
}

/// The estimates of a run's month that are to be shown or made final.
#[derive(Clone, Debug)]
pub(in crate::billing) enum Shown {
    /// Those that are stored.
    Stored,
    /// Those that the run has just made, and the stored ones of these customers, which stay.
    New(BTreeSet<i64>),
}

/// Why the bills of a run are not published or made final: what [`changed_facts`] says, unless it is accepted by the run or by these
/// codes.
pub(in crate::billing) async fn refusal_of_changes(
    tx: &mut Tx,
    run: &BillRun,
    report: &RunReport,
    accept: &[&[WarningCode]],
    shown: &Shown,
) -> Result<Option<Refusal>, Error> {
    if accept.iter().any(|codes| codes.contains(&WarningCode::FactsChanged)) {
        return Ok(None);
    }
    Ok(changed_facts(tx, run, report, shown).await?.as_ref().map(RunWarning::refusal))
}

/// What is to be looked at before the estimates of a run's month are shown or made final: facts that have changed since these were
/// made. `report`: the run's.
pub(in crate::billing) async fn changed_facts(
    tx: &mut Tx,
    run: &BillRun,
    report: &RunReport,
    shown: &Shown,
) -> Result<Option<RunWarning>, Error> {
    let (partner, month) = (run.partner, parsed::<BillingPeriod>(&run.billing_period)?);
    let estimates = Filter {
        status: Some(Status::Estimated),
        billing_period: Some(run.billing_period.clone()),
        ..Filter::default()
    };
    // Estimates of earlier runs are those of customers whose bills the last one has held back. What they see already stays.
    let mut has_own = matches!(shown, Shown::New(_));
    let mut earlier: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for statement in statements::list(tx, partner, &estimates, 0, i64::MAX).await?.0 {
        let customer = statement.bill.customer.0;
        let is_seen =
            statement.published.as_ref().is_some_and(|(version, ..)| *version == statement.bill.version);
        match shown {
            _ if statement.bill.run == run.id => has_own = true,
            _ if is_seen => {}
            Shown::New(staying) if !staying.contains(&customer) => {}
            _ => drop(earlier.entry(statement.bill.run).or_default().insert(customer)),
        }
    }
    let mut made = Vec::new();
    if has_own {
        made.extend(made_by(tx, partner, run, report.clone(), None, month).await?);
    }
    for (id, customers) in earlier {
        let Some(before) = bill_runs::get(tx, partner, id).await? else { continue };
        let report = RunReport::of_run(&before)?.unwrap_or_default();
        made.extend(made_by(tx, partner, &before, report, Some(customers), month).await?);
    }
    if made.is_empty() {
        return Ok(None);
    }
    let present = billing::billable(tx, partner).await?;
    let changed: BTreeSet<i64> = made.iter().flat_map(|made| made.changed(month, &present)).collect();
    let name = |id: &i64| {
        let of_report = || report.customers.iter().find(|bill| bill.customer_id == *id);
        let present = present.iter().find(|customer| customer.id == CustomerId(*id));
        present.map(|customer| &customer.name).or(of_report().map(|CustomerBill { name, .. }| name))
    };
    let Some(first) = changed.first() else { return Ok(None) };
    let named = name(first).map_or_else(|| format!("customer {first}"), |name| format!("{name} ({first})"));
    let others = match changed.len() - 1 {
        0 => String::new(),
        more => format!(" and {}", count_of(more as u64, "other")),
    };
    let message = format!(
        "tenants, margin, billing switch or folder of {named}{others} on the days of {} are not what these bills were made by any \
         more: run the month again",
        run.billing_period
    );
    let wording = Wording::new(
        "report-facts-changed",
        [
            ("customer", named.into()),
            ("others", (changed.len() - 1).into()),
            ("month", (&run.billing_period).into()),
        ],
    );
    let code = WarningCode::FactsChanged;
    Ok(Some(RunWarning {
        code,
        blocks: code.blocks(),
        accepted: false,
        place: Place::default(),
        customer_id: Some(*first).filter(|_| changed.len() == 1),
        price_rule_id: None,
        lines: 0,
        amounts: Vec::new(),
        message,
        wording: Some(wording),
    }))
}

/// What a run's bills were made by; `None` of a run without a plan.
async fn made_by(
    tx: &mut Tx,
    partner: PartnerId,
    run: &BillRun,
    report: RunReport,
    customers: Option<BTreeSet<i64>>,
    month: BillingPeriod,
) -> Result<Option<Made>, Error> {
    let Some(plan) = bill_runs::plan(tx, partner, run.id).await? else { return Ok(None) };
    // A line is of its month or earlier, unless the report says otherwise: what is charged for a month may begin before it.
    let others = report.checks.as_ref().is_some_and(|checks| checks.other_months.lines > 0);
    let end = if others { Date::MAX } else { month.end() };
    let plan = stored("the plan of a bill run", &plan)?;
    Ok(Some(Made { plan, report, customers, end: end.to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tenant<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
    type Term<'a> = (Option<&'a str>, bool, i64);

    fn facts(tenants: &[Tenant<'_>], terms: &[Term<'_>], folder: &str) -> Facts {
        let text = |day: Option<&str>| day.map(str::to_owned);
        let tenants =
            tenants.iter().map(|(tenant, from, until)| ((*tenant).to_owned(), text(*from), text(*until)));
        let terms = terms.iter().map(|(from, billed, margin)| (text(*from), *billed, *margin));
        Facts::new(tenants, terms, folder, "2026-11-01")
    }

    #[test]
    fn only_what_holds_on_the_days_of_the_bills_counts() {
        let always: &[Tenant<'_>] = &[("t", None, None)];
        let constant: &[Term<'_>] = &[(None, true, 15)];
        let then = facts(always, constant, "acme");
        for (what, tenants, terms, folder, is_same) in [
            ("nothing", always, constant, "acme", true),
            ("the case of a tenant", &[("T", None, None)], constant, "acme", true),
            ("a tenant that goes later", &[("t", None, Some("2026-11-01"))], constant, "acme", true),
            (
                "a tenant that comes later",
                &[("t", None, None), ("u", Some("2026-11-01"), None)],
                constant,
                "acme",
                true,
            ),
            (
                "a margin that comes later",
                always,
                &[(None, true, 15), (Some("2026-11-01"), true, 50)],
                "acme",
                true,
            ),
            (
                "days that change nothing",
                always,
                &[(None, true, 15), (Some("2026-10-05"), true, 15)],
                "acme",
                true,
            ),
            ("a tenant that has gone", &[("t", None, Some("2026-10-31"))], constant, "acme", false),
            (
                "another tenant",
                &[("t", None, None), ("u", Some("2026-10-31"), None)],
                constant,
                "acme",
                false,
            ),
            ("a margin", always, &[(None, true, 15), (Some("2026-10-31"), true, 50)], "acme", false),
            ("a margin from the beginning", always, &[(None, true, 16)], "acme", false),
            (
                "the billing switch",
                always,
                &[(None, true, 15), (Some("2026-10-02"), false, 15)],
                "acme",
                false,
            ),
            ("the folder", always, constant, "beta", false),
        ] {
            let now = facts(tenants, terms, folder);
            assert_eq!(then.is_as(&now, true), is_same, "{what}");
            assert_eq!(now.is_as(&then, true), is_same, "{what}, the other way");
        }
        // Without a bill nothing lies in the folder; without a tenant no margin counts.
        assert!(then.is_as(&facts(always, constant, "beta"), false));
        assert!(facts(&[], constant, "").is_as(&facts(&[], &[(None, false, 0)], ""), false));
    }
}
