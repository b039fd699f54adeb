//! `tenantry audit …`

use crate::partner::partner_named;
use crate::platform::{Platform, anchor_places};
use anyhow::{Context, anyhow, bail};
use app::{App, Clock, Exported};
use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Verify the audit trail.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Find any event that was altered, taken out, put in, swapped or cut off, any key that was put into the database
    /// beside the server, and what the database has lost since its anchor; exit status 1 if there is one.
    Verify {
        /// Only this partner's trail; by default every partner's, the server's own chain and the anchors.
        #[arg(long)]
        partner: Option<String>,
        /// Compare with this anchor, a file or the URL of an object, instead of that beside the secret key; may be given
        /// several times.
        #[arg(long, value_name = "PLACE")]
        anchor: Vec<PathBuf>,
        /// Verify a file that `export` or `prune` made instead of the database.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["partner", "anchor"])]
        export: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        platform: Platform,
    },
    /// Write a partner's events into a file of JSON lines that the secret key seals.
    Export {
        /// The file; it must not be there yet.
        file: PathBuf,
        /// The partner's name.
        #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
        partner: String,
        /// Only events from before this time (ISO 8601).
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[command(flatten)]
        platform: Platform,
    },
    /// Export a partner's old events, then remove them: the trail begins behind a mark that verifies.
    Prune {
        /// Events that are older go, such as `400d`.
        #[arg(long, value_name = "AGE")]
        older_than: String,
        /// The file that they are exported into before; it must not be there yet.
        #[arg(long, value_name = "FILE")]
        export: PathBuf,
        /// The partner's name.
        #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
        partner: String,
        #[command(flatten)]
        platform: Platform,
    },
    /// Replace a person's e-mail address and name in all events of a partner. The trail still verifies. Users and contacts
    /// themselves are changed by the API; backups and exports keep what they have.
    ErasePerson {
        /// The person's e-mail address.
        email: String,
        /// A name that is to go too, besides that of users with this address; may be given several times.
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
        /// Only say how many events would be changed, which cannot be undone.
        #[arg(long)]
        dry_run: bool,
        /// The partner's name.
        #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
        partner: String,
        #[command(flatten)]
        platform: Platform,
    },
    /// Say why the database is in an older state than its anchors, such as a restored backup, and let them start again
    /// from there. Prints what was lost; the server's own chain keeps it.
    Accept {
        /// Why, for whoever reads the trail.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        platform: Platform,
    },
}

pub(crate) async fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Verify { partner, anchor, export, json, platform } => {
            let app = platform.open(Clock::System).await?;
            let verified = match export {
                Some(file) => verify_export(&app, &file, json),
                None => verify(&app, partner, &anchor, json).await,
            };
            app.close().await;
            verified
        }
        AuditCommand::Export { file, partner, until, platform } => {
            let until = until.as_deref().map(app::parse_time).transpose();
            let until = until.map_err(|wrong| anyhow!("--until {wrong}"))?;
            let app = platform.open(Clock::System).await?;
            let exported = export(&app, &partner, until, &file).await;
            app.close().await;
            let exported = exported?;
            println!("{}: {} events, SHA-256 {}", file.display(), exported.events, exported.sha256);
            Ok(())
        }
        AuditCommand::Prune { older_than, export: file, partner, platform } => {
            let age = age(&older_than).map_err(|wrong| anyhow!("--older-than {wrong}"))?;
            let app = platform.open(Clock::System).await?;
            let pruned = async {
                let before = app.prunable_before(age).map_err(|wrong| anyhow!("--older-than {wrong}"))?;
                let exported = export(&app, &partner, Some(before), &file).await?;
                let pruned = app.prune_audit(partner_named(&app, &partner).await?.id, &exported).await?;
                anyhow::Ok((exported, pruned))
            };
            let pruned = pruned.await;
            app.close().await;
            let (exported, pruned) = pruned?;
            println!("{}: {} events, SHA-256 {}", file.display(), exported.events, exported.sha256);
            println!("{pruned} events pruned. Keep the file: it is all that there is of them.");
            Ok(())
        }
        AuditCommand::ErasePerson { email, name, dry_run, partner, platform } => {
            let app = platform.open(Clock::System).await?;
            let erased = async {
                let partner = partner_named(&app, &partner).await?;
                anyhow::Ok(app.erase_person(partner.id, &email, &name, dry_run).await?)
            };
            let erased = erased.await;
            app.close().await;
            let erased = erased?;
            let would_be = if dry_run { "would be " } else { "" };
            println!("{} events {would_be}changed", erased.erased);
            if erased.kept > 0 {
                println!(
                    "{} events were written by versions that could not erase, and still name the person: \
                     `tenantry admin audit prune` removes them when they are old",
                    erased.kept
                );
            }
            Ok(())
        }
        AuditCommand::Accept { reason, platform } => {
            let app = platform.open(Clock::System).await?;
            let lost = app.accept_state(&reason).await;
            app.close().await;
            let lost = lost?;
            lost.iter().for_each(|lost| println!("{lost}"));
            println!("The anchors start again from the database as it is now.");
            Ok(())
        }
    }
}

async fn verify(
    app: &App,
    partner: Option<String>,
    anchors: &[PathBuf],
    as_json: bool,
) -> anyhow::Result<()> {
    let all = partner.is_none();
    let partners = match partner {
        Some(name) => vec![partner_named(app, &name).await?],
        None => app.partners().await?,
    };
    let mut verdicts = Vec::new();
    for partner in partners {
        let verdict = app.verify_audit(partner.id).await?;
        verdicts.push((partner, verdict));
    }
    let system = if all { Some(app.verify_system().await?) } else { None };
    let anchors = if all || !anchors.is_empty() {
        let named = (!anchors.is_empty()).then(|| anchor_places(anchors)).transpose()?;
        app.verify_anchors(named.as_ref()).await?
    } else {
        Vec::new()
    };
    if as_json {
        let verdicts: Vec<_> = verdicts
            .iter()
            .map(|(partner, v)| {
                json!({
                    "partner": partner.name, "events": v.events, "erased": v.erased, "problems": v.problems,
                })
            })
            .collect();
        println!("{:#}", json!({"audit": verdicts, "system": system, "anchors": anchors}));
    } else {
        let tell = |name: &str, what: &str, problems: &[String]| {
            let found = if problems.is_empty() { "as they were written" } else { "TAMPERED WITH:" };
            println!("{name}: {what}, {found}");
            problems.iter().for_each(|problem| println!("  {problem}"));
        };
        for (partner, verdict) in &verdicts {
            let erased = match verdict.erased {
                0 => String::new(),
                erased => format!(" ({erased} of them erased in part)"),
            };
            tell(&partner.name, &format!("{} events{erased}", verdict.events), &verdict.problems);
        }
        if let Some(system) = &system {
            tell("the server", &format!("{} events", system.events), &system.problems);
            system.notes.iter().for_each(|note| println!("  {note}"));
        }
        for anchor in &anchors {
            let of = if anchor.at.is_empty() { String::new() } else { format!(" of {}", anchor.at) };
            let found = match (anchor.problems.is_empty(), anchor.at.is_empty()) {
                (true, _) => " nothing is lost",
                (false, false) => " THE DATABASE IS BEHIND IT:",
                (false, true) => "",
            };
            println!("anchor {}{of}:{found}", anchor.file);
            anchor.problems.iter().for_each(|problem| println!("  {problem}"));
        }
    }
    let of_partners = verdicts.iter().map(|(_, verdict)| &verdict.problems);
    let mut problems =
        of_partners.chain(system.iter().map(|v| &v.problems)).chain(anchors.iter().map(|v| &v.problems));
    if problems.any(|problems| !problems.is_empty()) {
        bail!("the audit trail has been tampered with");
    }
    Ok(())
}

/// A number of days (`400d`) or hours (`48h`).
fn age(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "must be a number of days or hours, such as 400d or 48h".to_owned();
    let hours = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => days.parse::<u32>().map_err(|_| wrong())?.checked_mul(24),
        (_, Some(hours)) => hours.parse().ok(),
        _ => None,
    };
    hours.map(|hours| SignedDuration::from_hours(i64::from(hours))).ok_or_else(wrong)
}

/// Into a new file that only its owner can read, on the disk when this returns.
async fn export(
    app: &App,
    partner: &str,
    before: Option<Timestamp>,
    path: &Path,
) -> anyhow::Result<Exported> {
    let partner = partner_named(app, partner).await?;
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let file = file.with_context(|| format!("cannot make {}", path.display()))?;
    let mut writer = BufWriter::new(file);
    let exported = async {
        let exported = app.export_audit(&partner, before, &mut writer).await?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        anyhow::Ok(exported)
    };
    let exported = exported.await;
    if exported.is_err() {
        // A part of an export looks like one.
        std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    exported.with_context(|| format!("cannot write {}", path.display()))
}

fn verify_export(app: &App, path: &Path, as_json: bool) -> anyhow::Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let verdict = app.verify_export(&mut file)?;
    if as_json {
        println!("{:#}", json!({ "export": verdict }));
    } else {
        let found = if verdict.problems.is_empty() { "as they were exported" } else { "TAMPERED WITH:" };
        println!("{}: {} events, {found}", path.display(), verdict.events);
        verdict.problems.iter().for_each(|problem| println!("  {problem}"));
    }
    if !verdict.problems.is_empty() {
        bail!("the export has been tampered with");
    }
    Ok(())
}
