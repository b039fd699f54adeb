//! The directory: how it is connected, and the partner's Azure tenants.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::list::{Choice, Pager, choices};
use crate::pages::directory_connection::{Cause, Need, may_manage, needs};
use crate::reasons::FilterError;
use crate::routes::{Routes, only_partners};
use app::assignments::TenantSearch;
use app::{DirectoryStatus, Error, Permission, Query, Source};
use askama::Template;
use axum::response::Response;
use domain::Handling;
use http::StatusCode;
use std::sync::Arc;

/// The filters with the ids of their labels.
const FIELDS: [(&str, &str); 2] = [("q", "filter-name"), ("assigned", "directory-assignment")];
const PATH: &str = "/console/directory";
const PER_PAGE: i64 = 50;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, list)
}

/// How the directory is connected.
pub(crate) struct Connection {
    /// What it is: Partner Center, or a file.
    pub(crate) kind: String,
    /// The Microsoft tenant of the partner, or the path of the file.
    pub(crate) place: String,
    /// The application that signs in; empty for a file.
    pub(crate) application: String,
    pub(crate) is_walking: bool,
    /// Since when its list is being read, and how many entries that were so far.
    pub(crate) walk: Option<(Time, String)>,
    /// When its list was last read to the end.
    pub(crate) read: Option<Time>,
    /// How many entries the list had then, and how long reading it took; empty if that is not known.
    pub(crate) walked: String,
    /// What stands in its way.
    pub(crate) cause: Option<Cause>,
    /// Why its list was cut off.
    pub(crate) cut_off: Option<String>,
    /// When it was last tested.
    pub(crate) tested: Option<Time>,
    /// What worked then.
    pub(crate) needs: Vec<Need>,
    /// Whether something did not work that is needed.
    pub(crate) is_lacking: bool,
    pub(crate) may_manage: bool,
}

/// A tenant in the list.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) domain: String,
    /// The customer that has it: link and name.
    pub(crate) customer: Option<(String, String)>,
    pub(crate) missing_since: Option<Time>,
}

#[derive(Template)]
#[template(path = "directory.html")]
pub(crate) struct DirectoryPage {
    pub(crate) l: Layout,
    pub(crate) connection: Option<Connection>,
    pub(crate) q: String,
    pub(crate) assigned: Vec<Choice>,
    pub(crate) is_narrowed: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) total: i64,
    pub(crate) pager: Pager,
    /// What is wrong with the filters.
    pub(crate) errors: Vec<FilterError>,
    pub(crate) may_assign: bool,
}

impl DirectoryPage {
    /// Whether there is a tenant to choose.
    fn can_assign(&self) -> bool {
        self.may_assign && self.rows.iter().any(|row| row.customer.is_none())
    }
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let status = cx.app.own_directory_status(cx.call()).await?;
    let (rows, total, pager, errors) = match search(&cx) {
        Ok(search) => {
            let number = search.paging.page;
            let (tenants, total) = cx.app.azure_tenants(cx.call(), search).await?;
            let customers = tenants.iter().filter_map(|tenant| tenant.customer).collect();
            let names = cx.app.customer_names(cx.call(), customers).await?;
            let shown = tenants.len() as i64;
            let rows = tenants.into_iter().map(|tenant| Row {
                id: tenant.azure_customer_id.as_str().to_owned(),
                name: tenant.name,
                domain: tenant.domain,
                customer: tenant.customer.map(|id| {
                    (format!("/console/customers/{id}"), names.get(&id).cloned().unwrap_or_default())
                }),
                missing_since: tenant.missing_since.map(|at| format::day(cx.lang, at)),
            });
            let pager = Pager::new(cx.lang, PATH, &cx.query, number, PER_PAGE, shown, total).within_list()?;
            (rows.collect(), total, pager, Vec::new())
        }
        Err(Error::Parameters(violations)) => {
            let errors = cx.lang.filter_errors(&violations, &FIELDS);
            (Vec::new(), 0, Pager::default(), errors)
        }
        Err(error) => return Err(error.into()),
    };
    let is_wrong = !errors.is_empty();
    let page = DirectoryPage {
        l: cx.layout("directory-title", Section::Directory),
        connection: status.map(|status| connection(&cx, status)),
        q: cx.query.get("q").to_owned(),
        assigned: choices(
            cx.lang,
            cx.query.get("assigned"),
            &[("", "filter-any"), ("false", "directory-unassigned"), ("true", "directory-assigned")],
        ),
        is_narrowed: ["q", "assigned"].iter().any(|name| !cx.query.get(name).is_empty()),
        rows,
        total,
        pager,
        errors,
        may_assign: cx.may(Permission::ChangeCustomers),
    };
    Ok(html::page(if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page))
}

fn search(cx: &Cx) -> Result<TenantSearch, Error> {
    let parameters = ["q", "assigned", "page"].map(|name| (name.to_owned(), cx.query.get(name).to_owned()));
    let mut search = TenantSearch::parse(&Query::new(parameters.into(), Handling::Lenient))?;
    search.paging.per_page = PER_PAGE;
    Ok(search)
}

fn connection(cx: &Cx, status: DirectoryStatus) -> Connection {
    let (kind, place, application) = match status.setup.source {
        Source::File { path } => ("directory-file", path.display().to_string(), String::new()),
        Source::PartnerCenter { tenant_id, client_id, .. } => {
            ("directory-partner-center", tenant_id, client_id)
        }
    };
    let time = |at| format::time(cx.lang, at);
    // A list that changes while it is read may name a tenant twice.
    let entries = |count| cx.lang.count("directory-entries", count);
    let (tested, needs) = match &status.tested {
        Some((at, report)) => (Some(time(*at)), needs(cx.lang, report)),
        None => (None, Vec::new()),
    };
    Connection {
        kind: cx.lang.text(kind, None),
        place,
        application,
        is_walking: status.walking,
        walk: status.walk.map(|walk| (time(walk.began_at), entries(walk.tenants))),
        read: status.walked.map(|walked| walked.until).or(status.synced_at).map(time),
        walked: status.walked.map_or_else(String::new, |walked| {
            let took = format::duration(cx.lang, walked.until.duration_since(walked.from));
            let entries = entries(walked.tenants);
            cx.lang.text_with("directory-walked", &[("entries", &entries), ("took", &took)])
        }),
        cause: status.failure.map(|failure| Cause::of(cx.lang, failure)),
        cut_off: status.list_cut_off,
        tested,
        is_lacking: needs.iter().any(|need| need.state == "bad"),
        needs,
        may_manage: may_manage(cx),
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<DirectoryPage> {
    use crate::i18n::Lang;
    use crate::layout::samples::{partner, time};
    use crate::pages::directory_connection;
    let page = || DirectoryPage {
        l: partner("directory-title", Section::Directory),
        connection: None,
        q: String::new(),
        assigned: choices(Lang::En, "", &[("", "filter-any")]),
        is_narrowed: false,
        rows: vec![],
        total: 0,
        pager: Pager::default(),
        errors: vec![],
        may_assign: false,
    };
    let connection = |is_failing: bool| Connection {
        kind: "Partner Center".into(),
        place: "<b>tenant</b>".into(),
        application: "<i>application</i>".into(),
        is_walking: !is_failing,
        walk: (!is_failing).then(|| (time(), "500 entries".into())),
        read: (!is_failing).then(time),
        walked: if is_failing { String::new() } else { "500 entries in 2 s".into() },
        cause: is_failing.then(|| Cause {
            title: "refused".into(),
            advice: "new credentials".into(),
            detail: "the secret has expired <b>".into(),
            since: time(),
        }),
        cut_off: is_failing.then(|| "too many <i>".into()),
        tested: is_failing.then(time),
        needs: if is_failing { directory_connection::sample_needs() } else { vec![] },
        is_lacking: is_failing,
        may_manage: is_failing,
    };
    let row = |customer: Option<&str>| Row {
        id: "tenant-1\"><script>".into(),
        name: customer.unwrap_or_default().into(),
        domain: customer.map_or(String::new(), |_| "acme.example.com".into()),
        customer: customer.map(|name| ("/console/customers/1".into(), name.into())),
        missing_since: customer.map(|_| time()),
    };
    vec![
        page(),
        DirectoryPage {
            errors: vec![FilterError { field: "q", message: "must not be <b>".into() }],
            is_narrowed: true,
            ..page()
        },
        DirectoryPage { connection: Some(connection(true)), rows: vec![row(None)], total: 1, ..page() },
        DirectoryPage {
            connection: Some(connection(false)),
            q: "\"><script>".into(),
            rows: vec![row(None), row(Some("Acme <b>"))],
            total: 2,
            may_assign: true,
            ..page()
        },
    ]
}
