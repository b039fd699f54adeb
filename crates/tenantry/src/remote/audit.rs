//! `tenantry audit list`

use super::args::{ListArgs, OutputArgs, ServerArgs};
use super::exit::examples;
use super::query::{PER_PAGE, Query};
use super::show::{self, View};
use clap::Args;

/// List the events of the audit trail, the oldest first.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry audit list --since 2026-11-01 --limit 20",
    "tenantry audit list --object customers/3947 --json",
    "tenantry audit list --action customer. --since 2026-11-01",
))]
pub(crate) struct Listed {
    /// Only this action, such as customer.create; with a dot at its end, all that begin so.
    #[arg(long)]
    action: Option<String>,
    /// Only about this object, such as customers/3947.
    #[arg(long)]
    object: Option<String>,
    /// Only what this user did.
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
    /// Only at this time (ISO 8601) or later.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only before this time (ISO 8601).
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

static VIEW: View = View {
    noun: "events",
    table: &[
        ("TIME", "at"),
        ("ACTION", "action"),
        ("OBJECT", "object"),
        ("USER", "user_id"),
        ("ORIGIN", "origin"),
        ("REASON", "reason"),
    ],
    fields: &[
        "id",
        "at",
        "action",
        "object",
        "user_id",
        "key_id",
        "origin",
        "request_id",
        "reason",
        "before",
        "after",
    ],
};

pub(crate) async fn list(args: Listed) -> anyhow::Result<()> {
    let path = Query::new("/v2/audit_events")
        .with("per_page", PER_PAGE)
        .maybe("action", args.action)
        .maybe("object", args.object)
        .maybe("user_id", args.user)
        .maybe("since", args.since)
        .maybe("until", args.until)
        .done();
    let client = args.server.connect()?;
    show::list(client.pages(&path, "audit_events"), &args.output, &args.list, &VIEW).await
}
