//! Users: what is wrong with a payload, whose users they are, and the admin that always remains.

use crate::support::{Answer, Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::sync::Barrier;

on_both_engines!(
    every_rule,
    an_address_is_one_users_in_its_tenant,
    a_users_life,
    a_user_is_found_in_its_tenant_alone,
    the_last_admin_stays,
    an_admin_remains_when_two_remove_each_other,
    an_owner_manages_the_users_of_its_customer,
    an_owner_remains_when_two_remove_each_other,
    several_roles_allow_what_each_of_them_does,
    an_operator_of_before_keeps_its_permissions,
    a_margin_is_shown_to_roles_that_see_costs,
);

const LAST_ADMIN: &str = "this is the partner's last admin with a key; make another admin first";

#[rustfmt::skip]
fn every_rule(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let id = admin.create(&customer(&json!({})))["id"].as_i64().unwrap();
    let (colleague, _) = admin.colleague("viewer");
    let of_customer = format!("/v2/customers/{id}/users");
    let (users, customers, one) = ("/v2/users", of_customer.as_str(), &format!("/v2/users/{colleague}"));
    let key = &format!("{one}/api_key");
    let user = |change: Value| {
        let mut body = json!({"email": "someone@example.com", "role": "viewer"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    let cases = [
        ("no role",             "POST", users,     json!({"email": "b@example.com"}),           "/role required"),
        ("a blank role",        "POST", users,     user(json!({"role": " "})),                  "/role required"),
        ("no such role",        "POST", users,     user(json!({"role": "root"})),               "/role invalid"),
        ("a role in capitals",  "POST", users,     user(json!({"role": "Admin"})),              "/role invalid"),
        ("a number as role",    "POST", users,     user(json!({"role": 1})),                    "/role wrong_type"),
        ("a customer's role",   "POST", users,     user(json!({"role": "customer"})),           "/role invalid"),
        ("a partner's role",    "POST", customers, user(json!({"role": "admin"})),              "/role invalid"),
        ("no address",          "POST", users,     json!({"role": "viewer"}),                   "/email required"),
        ("no address's form",   "POST", users,     user(json!({"email": "someone"})),           "/email invalid"),
        ("two addresses",       "POST", users,     user(json!({"email": "a@b.example, c@d.example"})), "/email invalid"),
        ("a list of addresses", "POST", users,     user(json!({"email": ["a@b.example"]})),     "/email wrong_type"),
        ("a name in two lines", "POST", users,     user(json!({"name": "a\nb"})),               "/name invalid"),
        ("a name of 256",       "POST", users,     user(json!({"name": "n".repeat(256)})),      "/name too_long"),
        ("an end that is now",  "POST", users,     user(json!({"api_key_expires_at": NOW})),    "/api_key_expires_at not_future"),
        ("no time as end",      "POST", users,     user(json!({"api_key_expires_at": "soon"})), "/api_key_expires_at invalid"),
        ("all at once",         "POST", users,     json!({"email": "a", "name": 7, "role": "x"}), "/email invalid, /name wrong_type, /role invalid"),
        ("nothing",             "POST", users,     json!({}),                                   "/email required, /role required"),
        ("no object",           "POST", users,     json!([]),                                   " wrong_type"),
        ("another address",     "PUT",  one,       json!({"email": "other@example.com"}),       "/email invalid"),
        ("a bad role",          "PUT",  one,       json!({"role": "customer"}),                 "/role invalid"),
        ("no roles",            "POST", users,     json!({"email": "b@example.com", "roles": []}), "/roles invalid"),
        ("no such roles",       "POST", users,     json!({"email": "b@example.com", "roles": ["viewer", "root", 1]}), "/roles/1 invalid, /roles/2 wrong_type"),
        ("a text as roles",     "POST", users,     json!({"email": "b@example.com", "roles": "viewer"}), "/roles wrong_type"),
        ("two answers",         "POST", users,     user(json!({"roles": ["operator"]})),        "/roles invalid"),
        ("a customer's roles",  "POST", customers, json!({"email": "b@example.com", "roles": ["viewer"]}), "/roles/0 invalid"),
        ("an owner of a partner", "POST", users,   user(json!({"role": "owner"})),              "/role invalid"),
        ("two answers",         "PUT",  one,       json!({"role": "admin", "roles": ["viewer"]}), "/roles invalid"),
        ("an end that was",     "POST", key,       json!({"api_key_expires_at": "2016-01-01"}), "/api_key_expires_at not_future"),
    ];
    let before = (admin.get(users).text(), admin.get(customers).text(), admin.trail("").len());
    let mut failures = Failures::default();
    for (name, method, path, body, expected) in cases {
        let answer = admin.call(method, path).json(&body).send();
        let details = if answer.status == 422 { answer.details() } else { answer.text() };
        let good = answer.status == 422 && details == expected;
        failures.case(name, if good { Ok(()) } else { Err(format!("{}: {details}", answer.status)) });
    }
    failures.done(21);
    let after = (admin.get(users).text(), admin.get(customers).text(), admin.trail("").len());
    assert_eq!(after, before, "a refused payload changed something, or is in the trail");
    // The control.
    assert_eq!(admin.post(users, &user(json!({}))).status, 201);

    let strict = admin.call("POST", users).header("Prefer", "handling=strict").json(&user(json!({"mail": "x"}))).send();
    assert_eq!(strict.details(), "/mail unknown");
}

fn an_address_is_one_users_in_its_tenant(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let other = Server::shared(engine).partner();
    let made = |api: &Api, name: &str| api.create(&customer(&json!({"name": name})))["id"].clone();
    let paths = [
        (&admin, "/v2/users".to_owned()),
        (&admin, format!("/v2/customers/{}/users", made(&admin, "A"))),
        (&admin, format!("/v2/customers/{}/users", made(&admin, "B"))),
        (&other, "/v2/users".to_owned()),
    ];
    let user = |api: &Api, path: &str, email: &str| {
        let role = if path == "/v2/users" { json!("viewer") } else { Value::Null };
        api.post(path, &json!({"email": email, "role": role}))
    };
    for (api, path) in &paths {
        let first = user(api, path, "Jane.Doe@Example.com");
        assert_eq!(first.status, 201, "{path}: {}", first.text());
        assert_eq!(first.json()["email"], "Jane.Doe@Example.com");
        for again in ["Jane.Doe@Example.com", "jane.doe@example.com", " JANE.DOE@EXAMPLE.COM "] {
            let second = user(api, path, again);
            assert_eq!((second.status, second.details()), (422, "/email taken".into()), "{path} {again}");
        }
        // Free again once its user is gone.
        let id = first.json()["id"].clone();
        assert_eq!(api.delete(&format!("{path}/{id}")).status, 204);
        assert_eq!(user(api, path, "jane.doe@example.com").status, 201);
    }
}

fn a_users_life(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let body = json!({"email": "ops@example.com", "name": " Operations ", "role": "operator"});
    let answer = admin.post("/v2/users", &body);
    assert_eq!(answer.status, 201);
    let mut made = answer.json();
    let key = made.as_object_mut().unwrap().shift_remove("api_key").unwrap();
    let path = format!("/v2/users/{}", made["id"]);
    assert_eq!(answer.header("location"), path);
    let expected = json!({
        "id": made["id"], "email": "ops@example.com", "name": "Operations", "role": "operator",
        "roles": ["operator"], "has_api_key": true,
        "created_at": NOW, "updated_at": NOW,
    });
    assert_eq!(made, expected);
    assert_eq!(admin.get(&path).json(), made, "the key is shown once");
    let list = admin.get("/v2/users?per_page=1&page=2");
    assert_eq!((list.json()["users"][0].clone(), list.header("x-total")), (made.clone(), "2"));

    let operator = admin.with_key(key.as_str().unwrap());
    let me = operator.get("/v2/me").json();
    assert_eq!(
        (&me["email"], &me["role"], me.get("customer")),
        (&json!("ops@example.com"), &json!("operator"), None)
    );
    // A role that is taken away is gone at the next request.
    operator.create(&customer(&json!({})));
    let changed = admin.put(&path, &json!({"role": "viewer", "name": "Onlookers"}));
    assert_eq!((&changed.json()["role"], &changed.json()["name"]), (&json!("viewer"), &json!("Onlookers")));
    assert_eq!(operator.post("/v2/customers", &customer(&json!({"name": "B"}))).status, 403);
    // What was answered may be sent back, and changes nothing.
    let events = admin.trail("").len();
    assert_eq!(admin.put(&path, &changed.json()).json(), changed.json());
    assert_eq!(admin.trail("").len(), events);
    assert_eq!(admin.delete(&path).status, 204);
    assert_eq!(operator.get("/v2/me").status, 401);
    for (method, path) in [("GET", &path), ("DELETE", &path), ("POST", &format!("{path}/api_key"))] {
        assert_eq!(admin.call(method, path).send().status, 404, "{method} {path}");
    }
}

/// Users of others, asked for in every way: none is found, and none is touched.
fn a_user_is_found_in_its_tenant_alone(engine: Engine) {
    let server = Server::shared(engine);
    let (admin, other) = (server.partner(), server.partner());
    let customer_of = |api: &Api, name: &str| {
        let change = json!({"name": name, "classification": "managed_with_access"});
        api.create(&customer(&change))["id"].as_i64().unwrap()
    };
    // Each partner counts its ids by itself: the other's shall not be one's own.
    for number in 0..5 {
        customer_of(&other, &format!("Other {number}"));
        other.colleague("viewer");
    }
    let (mine, second, theirs) =
        (customer_of(&admin, "A"), customer_of(&admin, "B"), customer_of(&other, "A"));
    let users =
        [admin.colleague("viewer"), admin.user_of(mine), other.colleague("admin"), other.user_of(theirs)];
    let [(colleague, _), (user, _), (stranger, _), (their_user, _)] = &users;
    let paths = [
        ("a customer's user as the partner's own", format!("/v2/users/{user}")),
        ("a partner's own user as a customer's", format!("/v2/customers/{mine}/users/{colleague}")),
        ("a user of another customer", format!("/v2/customers/{second}/users/{user}")),
        ("another partner's own user", format!("/v2/users/{stranger}")),
        ("another partner's customer's user", format!("/v2/customers/{theirs}/users/{their_user}")),
        ("... under a customer of one's own", format!("/v2/customers/{mine}/users/{their_user}")),
        ("a user of no customer", format!("/v2/customers/999999999/users/{user}")),
        ("no number", "/v2/users/admin".into()),
        ("a number too large", "/v2/users/99999999999999999999".into()),
    ];
    let mut failures = Failures::default();
    for (name, path) in paths {
        let key = format!("{path}/api_key");
        for (method, path, body) in [
            ("GET", &path, None),
            ("PUT", &path, Some(json!({"name": "Mine now", "role": null}))),
            ("DELETE", &path, None),
            ("POST", &key, Some(json!({}))),
            ("DELETE", &key, None),
        ] {
            let call = admin.call(method, path);
            let status = match &body {
                Some(body) => call.json(body).send().status,
                None => call.send().status,
            };
            let good = status == 404;
            let case = format!("{name}, {method} {path}");
            failures.case(&case, if good { Ok(()) } else { Err(format!("{status}")) });
        }
    }
    failures.done(45);
    for (id, api) in &users {
        let me = api.get("/v2/me");
        assert_eq!((me.status, &me.json()["id"], &me.json()["name"]), (200, &json!(id), &json!("")));
    }
    for path in [format!("/v2/customers/{theirs}/users"), "/v2/customers/999999999/users".into()] {
        assert_eq!(admin.get(&path).status, 404, "{path}");
        assert_eq!(admin.post(&path, &json!({"email": "x@example.com"})).status, 404, "{path}");
    }
}

/// Every way to take an admin away.
type Way = fn(&Api, i64) -> Answer;
const WAYS: [(&str, Way); 4] = [
    ("delete", |api, id| api.delete(&format!("/v2/users/{id}"))),
    ("demote", |api, id| api.put(&format!("/v2/users/{id}"), &json!({"role": "operator"}))),
    ("revoke", |api, id| api.delete(&format!("/v2/users/{id}/api_key"))),
    ("demote to viewer", |api, id| api.put(&format!("/v2/users/{id}"), &json!({"role": "viewer"}))),
];

fn the_last_admin_stays(engine: Engine) {
    const ENDS: &str = "2016-09-15T19:00:00Z";
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    for (name, way) in WAYS {
        let admin = server.partner();
        let own = admin.get("/v2/me").json()["id"].as_i64().unwrap();
        let refused = |when: &str| {
            let answer = way(&admin, own);
            let said = answer.json()["error"].clone();
            assert_eq!((answer.status, said), (422, json!(LAST_ADMIN)), "{name}, {when}");
            assert_eq!(admin.get("/v2/me").json()["role"], "admin", "{name}, {when}");
        };
        refused("alone");
        admin.colleague("operator");
        admin.user_of(admin.create(&customer(&json!({})))["id"].as_i64().unwrap());
        refused("with others who are no admins");
        let (without_key, _) = admin.colleague("admin");
        assert_eq!(admin.delete(&format!("/v2/users/{without_key}/api_key")).status, 204);
        refused("with an admin without a key");
        let ends = json!({"email": "b@example.com", "role": "admin", "api_key_expires_at": ENDS});
        let (_, ending) = admin.user("/v2/users", &ends);
        server.admin().set_clock(ENDS);
        assert_eq!(ending.get("/v2/me").status, 401);
        refused("with an admin whose key has ended");
        server.admin().set_clock(NOW);
        // An admin may be renamed, and have its key rotated.
        assert_eq!(admin.put(&format!("/v2/users/{own}"), &json!({"name": "Root"})).status, 200);
        // With another admin it may go.
        let (_, other) = admin.colleague("admin");
        assert!(way(&admin, own).status < 300, "{name}");
        assert!(matches!(admin.get("/v2/users").status, 401 | 403), "{name}");
        assert_eq!(other.get("/v2/users").status, 200, "{name}");
    }
}

/// Twenty times, in all ways. Without the lock in `store::users` this fails on PostgreSQL within a few rounds.
fn an_admin_remains_when_two_remove_each_other(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let mut last = admin;
    for round in 0..20 {
        let (first_way, second_way) = (WAYS[round % 3], WAYS[round / 3 % 3]);
        let first = last.colleague("admin");
        let second = last.colleague("admin");
        let gone = last.get("/v2/me").json()["id"].as_i64().unwrap();
        assert_eq!(first.1.delete(&format!("/v2/users/{gone}")).status, 204);
        // `first` and `second` are all the admins now.
        let together = Barrier::new(2);
        let take = |api: &Api, way: Way, id: i64| {
            together.wait();
            way(api, id)
        };
        let answers = std::thread::scope(|threads| {
            let one = threads.spawn(|| take(&first.1, first_way.1, second.0));
            let two = threads.spawn(|| take(&second.1, second_way.1, first.0));
            [one.join().unwrap(), two.join().unwrap()]
        });
        let statuses = answers.each_ref().map(|answer| answer.status);
        let name = format!("round {round}, {} and {}: {statuses:?}", first_way.0, second_way.0);
        let succeeded = statuses.iter().filter(|status| **status < 300).count();
        let refused = statuses.iter().filter(|status| matches!(status, 401 | 403 | 422)).count();
        assert_eq!((succeeded, refused), (1, 1), "{name}");
        let admins = [first.1, second.1].into_iter().filter(|api| api.get("/v2/users").status == 200);
        let mut admins: Vec<Api> = admins.collect();
        assert_eq!(admins.len(), 1, "{name}");
        last = admins.remove(0);
    }
}

fn several_roles_allow_what_each_of_them_does(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let body = json!({"email": "both@example.com", "roles": ["auditor", "operator", "auditor"]});
    let (id, both) = admin.user("/v2/users", &body);
    let path = format!("/v2/users/{id}");
    let user = admin.get(&path).json();
    assert_eq!((&user["role"], &user["roles"]), (&json!("operator"), &json!(["operator", "auditor"])));
    assert_eq!(both.get("/v2/me").json()["roles"], json!(["operator", "auditor"]));
    both.create(&customer(&json!({})));
    assert_eq!(both.get("/v2/audit_events").status, 200);
    let refused = both.get("/v2/users");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("the roles operator, auditor may not manage"), "{}", refused.text());
    // An answer may be sent back as it is; `role` alone is the only role from then on.
    assert_eq!(admin.put(&path, &user).json(), user);
    assert_eq!(admin.put(&path, &json!({"role": "auditor"})).json()["roles"], json!(["auditor"]));
    assert_eq!(both.post("/v2/customers", &customer(&json!({"name": "B"}))).status, 403);
    assert_eq!(both.get("/v2/audit_events").status, 200);
    // An admin with a second role is an admin: the first one may go.
    assert_eq!(admin.put(&path, &json!({"roles": ["billing", "admin"]})).status, 200);
    let first = admin.get("/v2/me").json()["id"].clone();
    assert_eq!(both.delete(&format!("/v2/users/{first}")).status, 204);
    assert_eq!(both.put(&path, &json!({"roles": ["billing"]})).json()["error"], LAST_ADMIN);
}

/// A row as a server before 0.2 wrote it has the text `operator`, which its key's MAC covers.
fn an_operator_of_before_keeps_its_permissions(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let admin = server.admin();
    let (id, narrow) = admin.colleague("operator");
    let rule = json!({"name": "all", "kind": "margin", "percentage": 10});
    assert_eq!(narrow.post("/v1/price_rules", &rule).status, 403);
    // Without the text's MAC it opens nothing: nobody becomes one by SQL.
    database.execute(&format!("UPDATE users SET role = 'operator' WHERE id = {id}"));
    assert_eq!(narrow.get("/v2/me").status, 401);
    // A new key of that row is what an upgraded database has.
    let rotated = admin.post(&format!("/v2/users/{id}/api_key"), &json!({})).json();
    let before = admin.with_key(rotated["api_key"].as_str().unwrap());
    assert_eq!(before.get("/v2/me").json()["roles"], json!(["operator", "billing"]));
    assert_eq!(before.post("/v1/price_rules", &rule).status, 201);
    before.create(&customer(&json!({})));
    let narrowed = admin.put(&format!("/v2/users/{id}"), &json!({"role": "operator"})).json();
    assert_eq!(narrowed["roles"], json!(["operator"]));
    assert_eq!(before.get("/v1/price_rules").status, 403);
    assert_eq!(before.get("/v2/customers").status, 200);
}

fn a_margin_is_shown_to_roles_that_see_costs(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let id = admin.create(&customer(&json!({"margin_percentage": 12.5})))["id"].clone();
    let path = format!("/v2/customers/{id}");
    let mut failures = Failures::default();
    for (role, sees) in
        [("admin", true), ("operator", false), ("billing", true), ("viewer", false), ("auditor", true)]
    {
        let api = admin.colleague(role).1;
        for path in [path.as_str(), "/v2/customers"] {
            let text = api.get(path).text();
            let good = text.contains("\"margin_percentage\":12.5") == sees
                && text.contains("margin") == sees
                && text.contains("partner_billing_configuration");
            failures.case(&format!("{role} {path}"), if good { Ok(()) } else { Err(text) });
        }
    }
    // An operator sets a margin and does not read it, nor in the stored answer to somebody who does.
    let operator = admin.colleague("operator").1;
    let body = customer(&json!({"name": "B", "margin_percentage": 7.25}));
    let post =
        |api: &Api| api.call("POST", "/v2/customers").header("Idempotency-Key", "m").json(&body).send();
    let (first, again) = (post(&admin), post(&operator));
    assert_eq!((first.status, again.header("idempotency-replayed")), (201, "true"));
    let mut expected = first.json();
    expected.as_object_mut().unwrap().shift_remove("margin_percentage").unwrap();
    assert_eq!(again.json(), expected);
    assert_eq!(serde_json::to_string(&expected).unwrap(), again.text());
    let changed = operator.put(&path, &json!({"margin_percentage": 20}));
    assert_eq!((changed.status, changed.json().get("margin_percentage")), (200, None));
    // What it read and sends back leaves the margin as it is.
    assert_eq!(operator.put(&path, &changed.json()).status, 200);
    assert_eq!(admin.get(&path).json()["margin_percentage"], json!(20.0));
    failures.done(10);
}

const LAST_OWNER: &str =
    "this is the customer's last owner; make another user an owner first, or ask your partner";

/// A customer whose users have access.
fn with_access(admin: &Api, name: &str) -> i64 {
    let change = json!({"name": name, "classification": "managed_with_access"});
    admin.create(&customer(&change))["id"].as_i64().unwrap()
}

fn an_owner_manages_the_users_of_its_customer(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let (acme, beta) = (with_access(&admin, "Acme"), with_access(&admin, "Beta"));
    let users = format!("/v2/customers/{acme}/users");
    let (id, owner) = admin.user_as(acme, "owner");
    let me = owner.get("/v2/me").json();
    assert_eq!((&me["role"], &me["customer"]["id"]), (&json!("owner"), &json!(acme)));
    // What another user of the customer sees, an owner sees too.
    assert_eq!(owner.get(&format!("/v2/customers/{acme}")).status, 200);
    assert!(owner.get(&format!("/v2/customers/{acme}")).json().get("margin_percentage").is_none());

    let (joe, member) = owner.user(&users, &json!({"email": "joe@example.com"}));
    assert_eq!(member.get("/v2/me").json()["role"], "customer");
    assert_eq!(owner.get(&users).json()["users"].as_array().unwrap().len(), 2);
    let refused = member.get(&users);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("the role customer may not"), "{}", refused.text());
    let path = format!("{users}/{joe}");
    let promoted = owner.put(&path, &json!({"role": "owner"}));
    assert_eq!((promoted.status, &promoted.json()["roles"]), (200, &json!(["owner"])));
    assert_eq!(member.get(&users).status, 200, "from the next request on");

    // Other customers, and the partner.
    let (theirs, _) = admin.user_of(beta);
    let of_beta = format!("/v2/customers/{beta}/users");
    let (of_partner, _) = admin.colleague("viewer");
    let body = json!({"email": "x@example.com"});
    let mut failures = Failures::default();
    for (what, method, path, body, status) in [
        ("another customer's list", "GET", of_beta.clone(), None, 404),
        ("another customer's user", "GET", format!("{of_beta}/{theirs}"), None, 404),
        ("a user of another customer", "POST", of_beta.clone(), Some(&body), 404),
        ("another customer's user, as its own", "GET", format!("{users}/{theirs}"), None, 404),
        ("the partner's user, as its own", "DELETE", format!("{users}/{of_partner}"), None, 404),
        ("a customer that is not there", "GET", "/v2/customers/999999/users".into(), None, 404),
        ("the partner's users", "GET", "/v2/users".into(), None, 403),
        ("a user of the partner", "POST", "/v2/users".into(), Some(&body), 403),
        ("a role of the partner's", "PUT", path.clone(), Some(&json!({"role": "admin"})), 422),
        ("its customer", "PUT", format!("/v2/customers/{acme}"), Some(&json!({"name": "Mine"})), 403),
    ] {
        let call = owner.call(method, &path);
        let answer = match body {
            Some(body) => call.json(body).send(),
            None => call.send(),
        };
        let good = answer.status == status;
        failures.case(what, if good { Ok(()) } else { Err(format!("{}: {}", answer.status, answer.text())) });
    }
    failures.done(10);
    let missing = owner.get("/v2/customers/999999/users");
    assert_eq!(owner.get(&of_beta).json()["error"], missing.json()["error"], "alike");

    // An owner remains; the partner may take the last one away.
    assert_eq!(owner.put(&format!("{users}/{id}"), &json!({"role": "customer"})).status, 200);
    assert_eq!(owner.get(&users).status, 403);
    for answer in [member.put(&path, &json!({"role": "customer"})), member.delete(&path)] {
        assert_eq!((answer.status, &answer.json()["error"]), (422, &json!(LAST_OWNER)));
    }
    assert_eq!(admin.delete(&path).status, 204);
    assert_eq!(member.get("/v2/me").status, 401);
    let users_of_events: Vec<Value> = admin
        .trail(&format!("object=customers%2F{acme}%2Fusers%2F{joe}"))
        .iter()
        .map(|e| e["user_id"].clone())
        .collect();
    assert!(users_of_events.contains(&json!(id)), "{users_of_events:?}");
}

fn an_owner_remains_when_two_remove_each_other(engine: Engine) {
    let admin = Server::shared(engine).partner();
    for round in 0..5 {
        let customer = with_access(&admin, &format!("Round {round}"));
        let owners = [admin.user_as(customer, "owner"), admin.user_as(customer, "owner")];
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            for (by, of) in [(0, 1), (1, 0)] {
                let (owners, barrier) = (&owners, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    owners[by].1.delete(&format!("/v2/customers/{customer}/users/{}", owners[of].0)).status
                });
            }
        });
        let left = admin.get(&format!("/v2/customers/{customer}/users")).json();
        let left = left["users"].as_array().unwrap().iter().filter(|user| user["role"] == "owner").count();
        assert_eq!(left, 1, "round {round}");
    }
}
