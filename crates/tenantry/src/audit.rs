//! `tenantry audit …`

use crate::partner::partner_named;
use crate::platform::Platform;
use anyhow::bail;
use app::Clock;
use clap::Subcommand;
use serde_json::json;

/// Verify the audit trail.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Find any event that was altered, taken out, put in, swapped or cut off; exit status 1 if there is one.
    Verify {
        /// Only this partner's trail; by default every partner's.
        #[arg(long)]
        partner: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        platform: Platform,
    },
}

pub(crate) async fn run(command: AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Verify { partner, json, platform } = command;
    let app = platform.open(Clock::System).await?;
    let partners = match partner {
        Some(name) => vec![partner_named(&app, &name).await?],
        None => app.partners().await?,
    };
    let mut verdicts = Vec::new();
    for partner in partners {
        let verdict = app.verify_audit(partner.id).await?;
        verdicts.push((partner, verdict));
    }
    app.close().await;
    if json {
        let verdicts: Vec<_> = verdicts
            .iter()
            .map(|(partner, v)| json!({"partner": partner.name, "events": v.events, "problems": v.problems}))
            .collect();
        println!("{:#}", json!({ "audit": verdicts }));
    } else {
        for (partner, verdict) in &verdicts {
            let found = if verdict.problems.is_empty() { "as they were written" } else { "TAMPERED WITH:" };
            println!("{}: {} events, {found}", partner.name, verdict.events);
            verdict.problems.iter().for_each(|problem| println!("  {problem}"));
        }
    }
    if verdicts.iter().any(|(_, verdict)| !verdict.problems.is_empty()) {
        bail!("the audit trail has been tampered with");
    }
    Ok(())
}
