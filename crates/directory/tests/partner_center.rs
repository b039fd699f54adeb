//! The client against a Partner Center of our own, on a clock that stands still until everybody waits.
//!
//! Every fault has its control: the same look-up without the fault, or with one more repetition than it takes.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use common::{SEED, client, connected, faults, found, id, random, settings, status};
use domain::AzureCustomerId;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_directory::partner_center::sandbox::{self, Behaviour, Fault, Sandbox, made_up_id};
use tenantry_directory::partner_center::{Credentials, Settings};
use tenantry_directory::{Error, Outcome, PartnerCenter, TenantAddress};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_and_renewed_early() {
    let (sandbox, client) = connected(1, Behaviour::default());
    let sign_ins = || sandbox.status().counts.sign_ins;
    found(&client, 0).await;
    found(&client, 0).await;
    assert_eq!(sign_ins(), 1);
    tokio::time::advance(Duration::from_secs(3599 - 300)).await;
    found(&client, 0).await;
    assert_eq!((sign_ins(), sandbox.status().counts.unauthorized), (2, 0));

    // While the identity platform is down, the old one is good until its end.
    tokio::time::advance(Duration::from_secs(3599 - 200)).await;
    let down: VecDeque<Fault> = (0..100).map(|_| status(503)).collect();
    sandbox.behave(Behaviour { next_sign_in: down, ..Behaviour::default() });
    found(&client, 0).await;
    tokio::time::advance(Duration::from_secs(300)).await;
    assert!(matches!(client.find(&id(0)).await, Err(Error::Unreachable { .. })));
    sandbox.behave(Behaviour::default());
    found(&client, 0).await;
    assert_eq!(sandbox.status().counts.unauthorized, 0);
}

#[tokio::test(start_paused = true)]
async fn many_at_once_get_one_token() {
    let (sandbox, client) = connected(50, Behaviour::default());
    let all: Vec<_> = (0..50)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { found(&client, number).await })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(sandbox.status().counts.sign_ins, 1);
}

#[tokio::test(start_paused = true)]
async fn refresh_tokens_are_exchanged_and_handed_over() {
    let sandbox = Sandbox::new(1, SEED, Behaviour { token_seconds: 60, ..Behaviour::default() });
    let with = |token: &str| Settings {
        credentials: Credentials::RefreshToken {
            client_secret: sandbox::CLIENT_SECRET.into(),
            refresh_token: token.into(),
        },
        ..settings()
    };
    let handed_over = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&handed_over);
    let on_refresh_token = Arc::new(move |token: &secrecy::SecretString| {
        keep.lock().unwrap().push(secrecy::ExposeSecret::expose_secret(token).to_owned());
    });
    let transport = Arc::new(sandbox.clone());
    let client =
        PartnerCenter::new(with(sandbox::REFRESH_TOKEN), transport, random(), on_refresh_token).unwrap();
    found(&client, 0).await;
    tokio::time::advance(Duration::from_secs(61)).await;
    found(&client, 0).await;
    let expected: Vec<String> = [1, 2].map(|n| format!("{}.{n}", sandbox::REFRESH_TOKEN)).to_vec();
    assert_eq!(*handed_over.lock().unwrap(), expected);

    let error = common::client(&sandbox, with("stale")).find(&id(0)).await.unwrap_err();
    assert!(error.to_string().contains("consent once more"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn found_with_its_address() {
    let (_, client) = connected(8, Behaviour::default());
    for (number, expected) in [
        (0, "1 Microsoft Way, Redmond, WA, 98052-6399, US"),
        (1, "100 Summer St, Boston, MA, 02110, US"),
        (2, "1 George Street, Sydney, New South Wales, 2000, AU"),
        (3, "is not entered there"),
        (4, "Marienplatz 1, München, Bayern, 80331, DE"),
        (5, "10 High Street, Maidstone, Kent, ME14 1AA, GB"),
        (6, "Avenida Paulista 1000, São Paulo, Sao Paulo, 01310-100, BR"),
        (7, "cannot be used: country must be a country of ISO 3166-1"),
    ] {
        let tenant = found(&client, number).await;
        assert_eq!(tenant.name.rsplit(' ').next().unwrap(), number.to_string());
        assert!(tenant.domain.ends_with(&format!("{number}.onmicrosoft.com")));
        let address = match tenant.address.usable() {
            Ok(a) => {
                let state_and_zip =
                    [&a.state, &a.zipcode].map(|part| part.as_deref().unwrap_or("-")).join(", ");
                format!("{}, {}, {state_and_zip}, {}", a.street1, a.city, a.country)
            }
            Err(why) => why,
        };
        assert!(address.starts_with(expected), "{address}");
    }
    // The second line, and GUIDs in capitals.
    let shouted = AzureCustomerId::parse(&made_up_id(SEED, 0).to_uppercase()).unwrap();
    let tenant = client.find(&shouted).await.unwrap().unwrap();
    assert_eq!(tenant.address.usable().unwrap().street2.as_deref(), Some("Building 9"));
}

#[tokio::test(start_paused = true)]
async fn not_found() {
    let (sandbox, client) = connected(8, Behaviour::default());
    let stranger = AzureCustomerId::parse(&made_up_id(SEED + 1, 0)).unwrap();
    assert_eq!(client.find(&stranger).await, Ok(None));
    assert_eq!(sandbox.status().counts.requests, 1);
    // Ids that cannot be Partner Center's are not even asked for.
    for odd in ["34fdg", "5e1f0c6b-0000-4000-8000-00000000abc", "5e1f0c6b000040008000-00000000abcd----"] {
        assert_eq!(client.find(&AzureCustomerId::parse(odd).unwrap()).await, Ok(None));
    }
    assert_eq!(sandbox.status().counts.requests, 1);
    // A gateway's page says nothing about customers: it is asked again.
    sandbox.behave(faults(vec![Fault::Page { status: 404 }; 3]));
    found(&client, 0).await;
    sandbox.behave(faults(vec![Fault::Page { status: 404 }; 4]));
    let error = client.find(&id(0)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { reason, .. } if reason.contains("is the address of Partner Center right?")),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_left_is_gone_and_a_hidden_one_is_there() {
    for code in [20002, 3000, 404] {
        let (_, client) = connected(3, Behaviour { left: [(1, code)].into(), ..Behaviour::default() });
        assert_eq!(client.find(&id(1)).await, Ok(None), "{code}");
        found(&client, 0).await;
    }
    let (_, client) = connected(3, Behaviour { left: [(1, 1002)].into(), ..Behaviour::default() });
    let hidden = found(&client, 1).await;
    assert!(hidden.name.is_empty(), "{hidden:?}");
    assert!(matches!(&hidden.address, TenantAddress::Hidden(why) if why.contains("1002")), "{hidden:?}");
    // The control: another code is neither.
    let (_, client) = connected(3, Behaviour { left: [(1, 2000)].into(), ..Behaviour::default() });
    assert!(matches!(client.find(&id(1)).await, Err(Error::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn missing_multi_factor_sign_in_is_no_missing_permission() {
    let (sandbox, client) = connected(1, Behaviour { mfa_required: true, ..Behaviour::default() });
    for _ in 0..20 {
        let error = client.find(&id(0)).await.unwrap_err();
        assert!(
            matches!(&error, Error::MfaRequired(why) if why.contains("sign in again with multi-factor")),
            "{error}"
        );
    }
    let counts = sandbox.status().counts;
    assert_eq!((counts.sign_ins, counts.requests), (1, 20), "no further token");
    sandbox.behave(Behaviour::default());
    found(&client, 0).await;

    // Its code as text, and in Microsoft Graph's form.
    let refused = |code: &str| Fault::Error {
        status: 401,
        code: code.to_owned(),
        description: String::new(),
        retry_after: None,
    };
    let (_, client) = connected(1, faults([refused("900421")]));
    assert!(matches!(client.find(&id(0)).await, Err(Error::MfaRequired(_))));

    // The control: any other 401 costs one more token, and no more than one a minute.
    let (sandbox, client) = connected(1, faults((0..40).map(|_| refused("1002"))));
    for _ in 0..10 {
        let error = client.find(&id(0)).await.unwrap_err();
        assert!(matches!(&error, Error::Refused(why) if why.contains("API permission")), "{error}");
    }
    assert_eq!(sandbox.status().counts.sign_ins, 2);
    tokio::time::advance(Duration::from_secs(60)).await;
    sandbox.behave(faults([refused("1002")]));
    found(&client, 0).await;
    assert_eq!(sandbox.status().counts.sign_ins, 3);
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_last_continuation_always_fails_is_read_whole() {
    let (sandbox, client) = connected(1200, Behaviour { dead_end: true, ..Behaviour::default() });
    let (mut cursor, mut seen, mut started_over) = (None, 0, 0);
    let cut_off = loop {
        match client.page(cursor.as_ref()).await {
            Ok(page) => {
                seen += page.tenants.len();
                if let Some(why) = page.cut_off {
                    break why;
                }
                cursor = page.next;
            }
            Err(Error::StartOver { from, .. }) => {
                started_over += 1;
                assert!(started_over < 2, "once is enough");
                (cursor, seen) = (from, 0);
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!((seen, started_over), (1200, 1));
    assert!(cut_off.starts_with("page 4: ") && cut_off.contains("continuation token"), "{cut_off}");
    assert_eq!(sandbox.status().counts.requests, 8);
}

#[tokio::test(start_paused = true)]
async fn the_pace_that_is_asked_for_is_kept_by_all() {
    let asks = |retry_after: Option<&str>, description: &str| Fault::Error {
        status: 429,
        code: "429".to_owned(),
        description: description.to_owned(),
        retry_after: retry_after.map(str::to_owned),
    };
    for (retry_after, description, seconds) in [
        (Some("2.128"), "", 3),
        (Some("5"), "", 5),
        (None, "Rate limit is exceeded. Try again in 12 seconds.", 12),
        (Some("-1"), "Try again in 7 seconds.", 7),
    ] {
        let (sandbox, client) = connected(1, faults([asks(retry_after, description)]));
        let start = Instant::now();
        let [one, other] =
            [client.clone(), client.clone()].map(|client| async move { client.page(None).await });
        let (one, other) = tokio::join!(one, other);
        one.unwrap();
        other.unwrap();
        let waited = start.elapsed();
        let expected = Duration::from_secs(seconds);
        assert!((expected..expected + Duration::from_secs(1)).contains(&waited), "{description}: {waited:?}");
        assert!(sandbox.status().counts.requests <= 4);
    }
    // Without one, waits grow over requests, not only within one.
    let (sandbox, client) = connected(1, faults((0..1000).map(|_| asks(None, "Slow down."))));
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(600) {
        if let Err(error) = client.page(None).await {
            tokio::time::advance(error.retry_after().unwrap()).await;
        }
    }
    let requests = sandbox.status().counts.requests;
    assert!((10..30).contains(&requests), "{requests} requests in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn without_delegated_rights_the_organization_is_asked() {
    let both = |billing, organization| Behaviour {
        no_billing_every: billing,
        no_organization_every: organization,
        ..Behaviour::default()
    };
    for (behaviour, last_path, address) in [
        (both(None, None), "profiles/billing", "1 Microsoft Way"),
        (both(Some(1), None), "organization", "1 Microsoft Way"),
        (both(Some(1), Some(1)), "organization", ""),
    ] {
        let (sandbox, client) = connected(1, behaviour);
        let tenant = found(&client, 0).await;
        assert!(sandbox.status().asked.last().unwrap().path.ends_with(last_path));
        match tenant.address {
            TenantAddress::Known(known) => assert_eq!(known.street1, address),
            TenantAddress::Hidden(why) => {
                assert_eq!(address, "");
                for said in [
                    "profiles/billing answers 403",
                    "does not have the rights",
                    "DAP or GDAP",
                    "Global Reader",
                ] {
                    assert!(why.contains(said), "{why}");
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn faults_that_pass_are_repeated_with_the_same_ids() {
    for fault in [
        status(500),
        status(502),
        status(503),
        status(408),
        status(429),
        Fault::Page { status: 504 },
        Fault::Break,
    ] {
        let (sandbox, client) = connected(1, faults([fault.clone(), fault.clone(), fault.clone()]));
        let start = Instant::now();
        client.page(None).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        let waited = start.elapsed();
        assert!(
            (Duration::from_millis(1750)..Duration::from_millis(3500)).contains(&waited),
            "{fault:?}: {waited:?}"
        );
        let asked = sandbox.status().asked;
        assert_eq!(asked.len(), 4);
        assert!(asked.iter().all(|one| *one == asked[0]) && asked[0].request_id != asked[0].correlation_id);
        assert_eq!((asked[0].request_id.len(), asked[0].correlation_id.len()), (36, 36));

        // The control: one more is one too many.
        let (sandbox, client) = connected(1, faults(vec![fault.clone(); 4]));
        let error = client.page(None).await.unwrap_err();
        let expected = match fault {
            Fault::Status { status: 429, .. } => matches!(error, Error::Throttled { .. }),
            _ => matches!(error, Error::Unreachable { .. }),
        };
        assert!(expected, "{fault:?}: {error}");
        assert_eq!(sandbox.status().counts.requests, 4);
        // Another look-up has other ids.
        client.page(None).await.unwrap();
        assert_ne!(sandbox.status().asked[4].request_id, sandbox.status().asked[0].request_id);
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_or_handed_on() {
    let wait = |seconds| faults([Fault::Status { status: 429, retry_after: Some(seconds) }]);
    let (sandbox, client) = connected(1, wait(20));
    let start = Instant::now();
    client.page(None).await.unwrap();
    assert!((20..21).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());

    // Longer than a look-up may take: the caller is told, and until then nobody asks.
    sandbox.behave(wait(57));
    let before = sandbox.status().counts.requests;
    let start = Instant::now();
    for _ in 0..3 {
        let error = client.page(None).await.unwrap_err();
        assert!(matches!(error.retry_after(), Some(after) if (57..59).contains(&after.as_secs())), "{error}");
    }
    assert_eq!((start.elapsed(), sandbox.status().counts.requests), (Duration::ZERO, before + 1));
    tokio::time::advance(Duration::from_secs(58)).await;
    client.page(None).await.unwrap();

    let busy = Fault::Status { status: 503, retry_after: Some(300) };
    sandbox.behave(faults([busy]));
    assert_eq!(client.page(None).await.unwrap_err().retry_after(), Some(Duration::from_secs(300)));
}

#[tokio::test(start_paused = true)]
async fn time_outs() {
    for fault in [Fault::Hang, Fault::Stall] {
        let (_, client) = connected(1, faults([fault.clone()]));
        let start = Instant::now();
        client.page(None).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 10, "{fault:?}");

        // All of it takes no longer than the patience.
        let (_, client) = connected(1, faults(vec![fault.clone(); 9]));
        let start = Instant::now();
        let error = client.find(&id(0)).await.unwrap_err();
        assert!(
            matches!(&error, Error::Unreachable { reason, .. } if reason.contains("no answer in time")),
            "{error}"
        );
        assert!(start.elapsed() <= Duration::from_secs(30), "{:?}", start.elapsed());
    }
    let hang = VecDeque::from(vec![Fault::Hang; 9]);
    let (_, client) = connected(1, Behaviour { next_sign_in: hang, ..Behaviour::default() });
    let start = Instant::now();
    let id = id(0);
    let (one, other) = tokio::join!(client.find(&id), client.find(&id));
    for answer in [one, other] {
        assert!(matches!(answer, Err(Error::Unreachable { .. })), "{answer:?}");
    }
    assert!(start.elapsed() <= Duration::from_secs(30), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_not_what_they_must_be() {
    let away = Fault::Redirect { to: "http://169.254.169.254/".to_owned() };
    for (fault, said) in [
        (Fault::Malformed, "EOF while parsing"),
        (Fault::Another, "invalid type"),
        (Fault::Endless, "more than 8 MiB"),
        (away, "302: it points to http://169.254.169.254/, which is not followed"),
        (status(400), "A fault that was asked for. (400)"),
        (Fault::Page { status: 405 }, "answers 405"),
    ] {
        let (sandbox, client) = connected(1, faults([fault.clone()]));
        let error = client.page(None).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid(why) if why.contains(said)), "{fault:?}: {error}");
        assert_eq!(sandbox.status().counts.requests, 1, "no repetition makes it better");
        // The control.
        client.page(None).await.unwrap();

        let (_, client) =
            connected(1, Behaviour { next_sign_in: VecDeque::from([fault.clone()]), ..Behaviour::default() });
        let error = client.page(None).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_) | Error::Refused(_)), "{fault:?}: {error}");
        client.page(None).await.unwrap();
    }
    // Another customer than the one that was asked for.
    let (_, client) = connected(1, faults([Fault::Stranger]));
    let error = client.find(&id(0)).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(why) if why.contains("it answers 00000000-")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_learns_what_is_missing() {
    let refused = |number| Behaviour { refuse_sign_in: Some(number), ..Behaviour::default() };
    for (number, hint) in [
        (7_000_215, "the client secret is wrong"),
        (7_000_222, "the client secret has expired"),
        (700_016, "no active application with this client id"),
        (90_002, "no such tenant"),
        (65_001, "an administrator has to consent"),
        (700_082, "the refresh token is no longer good"),
        (50_076, "multi-factor"),
        (50_078, "multi-factor"),
        (70_043, "the refresh token is no longer good"),
        (53_003, "conditional access"),
        (50_057, "can no longer sign in"),
        (123, "AADSTS123"),
    ] {
        let (sandbox, client) = connected(1, refused(number));
        let error = client.find(&id(0)).await.unwrap_err();
        let why = match &error {
            Error::Refused(why) | Error::MfaRequired(why) => why,
            Error::CredentialRefused { message, .. } => message,
            other => panic!("{other:?}"),
        };
        assert!(why.contains(hint), "{error}");
        assert_eq!(sandbox.status().counts.requests, 0);
    }
    let (_, client) = connected(1, Behaviour { no_role: true, ..Behaviour::default() });
    for error in [client.page(None).await.unwrap_err(), client.find(&id(0)).await.unwrap_err()] {
        assert!(matches!(&error, Error::Refused(why) if why.contains("Admin agent")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_are_never_shown() {
    let sandbox = Sandbox::new(1, SEED, Behaviour::default());
    let given = Settings {
        credentials: Credentials::RefreshToken {
            client_secret: sandbox::CLIENT_SECRET.into(),
            refresh_token: sandbox::REFRESH_TOKEN.into(),
        },
        ..settings()
    };
    let encoded: String = form_urlencoded::byte_serialize(sandbox::CLIENT_SECRET.as_bytes()).collect();
    let secrets = [sandbox::CLIENT_SECRET, sandbox::REFRESH_TOKEN, &encoded];
    let client = client(&sandbox, given.clone());
    let mut texts = vec![format!("{given:?} {client:?}")];
    for next in [
        Behaviour { next_sign_in: VecDeque::from([Fault::Echo]), ..Behaviour::default() },
        faults([Fault::Echo]),
        faults([Fault::None, Fault::Echo]),
    ] {
        sandbox.behave(next);
        let error = client.find(&id(0)).await.unwrap_err();
        assert!(error.to_string().contains("You said"), "the control: {error}");
        texts.push(format!("{error} {error:?}"));
    }
    for text in texts {
        for secret in secrets {
            assert!(!text.contains(secret), "{text}");
        }
        // Tokens are long.
        assert!(!text.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() > 40), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_works_and_what_is_missing() {
    let plain = Behaviour::default;
    let steps = async |behaviour| {
        let (_, client) = connected(600, behaviour);
        let report = client.check().await;
        let word = |outcome: &Outcome| match outcome {
            Outcome::Works(_) => '+',
            Outcome::Fails(_) => '!',
            Outcome::Lacks(_) => '?',
            Outcome::Skipped(_) => '-',
        };
        (report.steps.iter().map(|step| word(&step.outcome)).collect::<String>(), report)
    };
    for (behaviour, expected, works, said) in [
        (plain(), "+++++++", true, "500 customers on the first page, and there are more"),
        (Behaviour { refuse_sign_in: Some(65_001), ..plain() }, "!--", false, "has to consent"),
        (Behaviour { no_role: true, ..plain() }, "+!-??", false, "Admin agent"),
        // Microsoft's demand for several factors says nothing of the permissions: of all calls, and of one.
        (
            Behaviour { mfa_required: true, ..plain() },
            "+!----",
            false,
            "multi-factor sign-in: the user whose consent",
        ),
        (
            faults([
                Fault::None,
                Fault::Error {
                    status: 401,
                    code: "900421".to_owned(),
                    description: String::new(),
                    retry_after: None,
                },
            ]),
            "+?+-++++",
            true,
            "not tested billing profiles: Microsoft refuses it",
        ),
        (Behaviour { no_billing_every: Some(1), ..plain() }, "++?++++", true, "DAP or GDAP"),
        (
            Behaviour { no_billing_every: Some(1), no_organization_every: Some(1), ..plain() },
            "++??!++",
            false,
            "Global Reader",
        ),
        (
            Behaviour { no_organization_every: Some(2), no_billing_every: Some(2), ..plain() },
            "++??+++",
            true,
            "2 hide it",
        ),
    ] {
        let (words, report) = steps(behaviour).await;
        assert_eq!((words.as_str(), report.works()), (expected, works), "{report}");
        assert!(report.to_string().contains(said), "{report}");
    }
}

#[test]
fn settings_that_cannot_be_used() {
    let sandbox = Sandbox::new(1, SEED, Behaviour::default());
    let with = |settings| PartnerCenter::new(settings, Arc::new(sandbox.clone()), random(), Arc::new(|_| ()));
    for url in [
        "",
        "api.example",
        "ftp://api.example",
        "https://user:pw@api.example",
        "https://api.example/?a=b",
        "https://",
    ] {
        let api = with(Settings { api_url: url.to_owned(), ..settings() });
        assert!(matches!(&api, Err(Error::Invalid(why)) if why.starts_with("api-url")), "{url}");
        assert!(with(Settings { login_url: url.to_owned(), ..settings() }).is_err(), "{url}");
    }
    for tenant in ["", "a/b", "a?b", "a b", "ä"] {
        assert!(with(Settings { tenant: tenant.to_owned(), ..settings() }).is_err(), "{tenant}");
    }
    assert!(with(settings()).is_ok());
}
