//! The bounds of bills: what is beyond them is looked at by a person before customers see it.

use crate::job::{BilledCustomer, Job};
use crate::plural::count_of;
use crate::report::CustomerBill;
use crate::wording::{Message, Wording};

/// Why a bill is beyond the bounds, in words.
pub(super) fn held_back(job: &Job, customer: &BilledCustomer, bill: &CustomerBill) -> Vec<Message> {
    let mut why = Vec::new();
    if customer.released {
        return why;
    }
    let currency = bill.currency;
    if let Some(most) = job.bounds.max_lines.filter(|most| bill.lines > *most) {
        let text = format!("{}, where at most {most} pass", count_of(bill.lines, "line"));
        let values = [("lines", bill.lines.into()), ("max", most.into())];
        why.push(Message::worded(text, Wording::new("report-held-lines", values)));
    }
    if let Some(most) = job.bounds.max_amount.filter(|most| bill.charge.abs() > *most) {
        let text = format!("a total of {} {currency}, where at most {most} pass", bill.charge);
        let values = [("charge", (bill.charge, currency).into()), ("max", (most, currency).into())];
        why.push(Message::worded(text, Wording::new("report-held-amount", values)));
    }
    let previous = customer.previous_charge.iter().find(|(of, _)| *of == currency);
    if let (Some(percent), Some((_, previous))) = (job.bounds.max_change_percent, previous) {
        // In hundredths of the smallest coin, so that nothing is divided.
        let change = (bill.charge - *previous).abs().count(4) * 100;
        if change > previous.abs().count(4) * i128::from(percent) {
            let text = format!(
                "a total of {} {currency} after {previous} the month before, where a change of at most {percent} % passes",
                bill.charge
            );
            let values = [
                ("charge", (bill.charge, currency).into()),
                ("previous", (*previous, currency).into()),
                ("percent", u64::from(percent).into()),
            ];
            why.push(Message::worded(text, Wording::new("report-held-change", values)));
        }
    }
    let is_new = customer.previous_charge.is_empty();
    if let Some(most) = job.bounds.max_new.filter(|most| is_new && bill.charge.abs() > *most) {
        let charge = bill.charge;
        let text = format!(
            "a total of {charge} {currency} after no bill the month before, where at most {most} pass"
        );
        let values = [("charge", (charge, currency).into()), ("max", (most, currency).into())];
        why.push(Message::worded(text, Wording::new("report-held-new", values)));
    }
    why
}
