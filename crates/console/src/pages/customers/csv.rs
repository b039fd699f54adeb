//! The list of customers as a CSV file: the customers that the filters let through, with the columns that are shown.

use super::columns::{cell, chosen, titles};
use super::search;
use crate::cx::Cx;
use crate::failure::Failure;
use crate::routes::only_partners;
use app::push_csv_cell;
use axum::response::{IntoResponse, Response};
use http::header;
use std::sync::Arc;

/// The most customers of a file.
pub(crate) const MAX_CUSTOMERS: i64 = 10_000;
/// How many customers are read at once.
const AT_ONCE: i64 = 1000;

pub(crate) async fn download(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let now = cx.app.now();
    let columns = chosen(&cx);
    let mut out = Vec::new();
    let titles = std::iter::once(cx.lang.text("column-customer", None)).chain(titles(&cx, &columns));
    push_line(titles, &mut out);
    let mut search = search(&cx, now)?;
    search.paging.per_page = AT_ONCE;
    for number in 1..=MAX_CUSTOMERS / AT_ONCE {
        search.paging.page = number;
        let page = cx.app.customers(cx.call(), search.clone()).await?;
        for customer in &page.customers {
            let cells = columns.iter().map(|column| cell(&cx, customer, *column, now).plain(&cx));
            push_line(std::iter::once(customer.name().to_owned()).chain(cells), &mut out);
        }
        if number * AT_ONCE >= page.total {
            break;
        }
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        // Never a page of this origin.
        (header::CONTENT_DISPOSITION, "attachment; filename=\"customers.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, out).into_response())
}

/// A line of texts, none of which a spreadsheet takes for a formula.
fn push_line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_csv_cell(&cell, out);
    }
    out.push(b'\n');
}
