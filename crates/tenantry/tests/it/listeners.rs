//! Where the server listens: several addresses, unix sockets, sockets of systemd, one for operators; TLS, and systemd's
//! notifications.

use crate::support::{Database, Engine, Server, customer, wait_until};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "the-key-that-the-tests-have-chosen-0123456789";
const PATIENCE: Duration = Duration::from_secs(30);

/// Ask for a path, and read until the server closes.
fn ask(mut stream: impl Read + Write, method: &str, path: &str, body: &str) -> String {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(request.as_bytes()));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

fn over_unix(path: &Path, asked: &str) -> String {
    ask(UnixStream::connect(path).unwrap(), "GET", asked, "")
}

#[test]
fn several_addresses_and_a_unix_socket() {
    let database = Database::new(Engine::Sqlite);
    let path = database.folder().join("api.sock");
    let unix = format!("unix:{}", path.display());
    // One that a killed server left behind.
    drop(UnixListener::bind(&path).unwrap());
    let mut server = Server::start(&database, &["--listen", &unix]);
    let api = server.admin();
    assert_eq!(api.get("/healthz").status, 200);
    assert!(over_unix(&path, "/healthz").starts_with("HTTP/1.1 200 "));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
    let body = customer(&json!({})).to_string();
    let created = ask(UnixStream::connect(&path).unwrap(), "POST", "/v2/customers", &body);
    assert!(created.starts_with("HTTP/1.1 201 "), "{created}");
    assert_eq!(api.trail("action=customer.create").pop().unwrap()["origin"], json!("127.0.0.1"));

    let healthy = |listen: &str| {
        let args = ["healthcheck", "--listen", listen];
        crate::support::command(database.folder(), &args).output().unwrap().status.success()
    };
    assert!(healthy(&unix) && healthy(&server.address.to_string()));
    assert!(!healthy("127.0.0.1:1") && !healthy("unix:/nowhere"));

    // One that answers is another server's.
    let other = Database::new(Engine::Sqlite);
    let serve = ["serve", "--listen", &unix, "--database", &other.url];
    let refused = crate::support::command(other.folder(), &serve).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("another program listens there"), "{said}");
    let nowhere = format!("unix:{}/no/folder.sock", other.folder().display());
    let serve = ["serve", "--listen", &nowhere, "--database", &other.url];
    let refused = crate::support::command(other.folder(), &serve).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("cannot make the socket"), "{said}");

    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn operators_have_a_listener_of_their_own() {
    let database = Database::new(Engine::Sqlite);
    let path = database.folder().join("operations.sock");
    let unix = format!("unix:{}", path.display());
    let server = Server::start(&database, &["--listen-operations", &unix, "--max-connections", "16"]);
    for (asked, here, there) in [
        ("/healthz", 200, 200),
        ("/readyz", 404, 200),
        ("/metrics", 404, 200),
        ("/v2/customers", 200, 404),
        ("/openapi.json", 200, 404),
    ] {
        let status = server.admin().raw(
            format!(
                "GET {asked} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        );
        assert!(status.starts_with(&format!("HTTP/1.1 {here} ")), "{asked}: {status}");
        assert!(over_unix(&path, asked).starts_with(&format!("HTTP/1.1 {there} ")), "{asked}");
    }
    // It answers when all other connections are in use.
    let taken: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let metrics = over_unix(&path, "/metrics");
    assert!(
        metrics.starts_with("HTTP/1.1 200 ") && metrics.contains("tenantry_connections_max 16"),
        "{metrics}"
    );
    drop(taken);
}

/// A certificate for `localhost` in files.
pub(crate) fn certify(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("tls.pem"), folder.join("tls.key"));
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    made.cert.der().clone()
}

/// A client that trusts one certificate, and says which protocols it speaks.
fn connect_tls(
    to: SocketAddr,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    connection.complete_io(&mut stream)?;
    Ok(StreamOwned::new(connection, stream))
}

pub(crate) fn start_with_tls(database: &Database) -> Server {
    let (certificate, key) = (database.folder().join("tls.pem"), database.folder().join("tls.key"));
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    Server::start(database, &["--tls-certificate", certificate, "--tls-key", key])
}

#[test]
fn tls_with_certificates_that_change() {
    let database = Database::new(Engine::Sqlite);
    let first = certify(database.folder());
    let server = start_with_tls(&database);
    let list = |certificate: &CertificateDer<'static>, protocols: &[&str]| {
        Ok::<_, std::io::Error>(ask(
            connect_tls(server.address, certificate, protocols)?,
            "GET",
            "/v2/customers",
            "",
        ))
    };
    for protocols in [&[][..], &["http/1.1"]] {
        let answer = list(&first, protocols).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.contains("<https://localhost/v2/customers?"),
            "{answer}"
        );
    }
    let agreed = connect_tls(server.address, &first, &["h2", "http/1.1"]).unwrap();
    assert_eq!(agreed.conn.alpn_protocol(), Some(&b"h2"[..]));
    // A client without TLS is not answered, and one that says nothing holds up nobody.
    let silent = TcpStream::connect(server.address).unwrap();
    let plain = ask(TcpStream::connect(server.address).unwrap(), "GET", "/healthz", "");
    assert!(!plain.contains("HTTP/1.1"), "{plain}");

    let second = certify(database.folder());
    wait_until(PATIENCE, "the new certificate is shown", || list(&second, &[]).is_ok());
    assert!(list(&first, &[]).is_err());
    // One that is none changes nothing.
    std::fs::write(database.folder().join("tls.pem"), "no certificate").unwrap();
    server.signal("HUP");
    let log = || std::fs::read_to_string(database.folder().join("server.log")).unwrap();
    wait_until(PATIENCE, "the refusal is logged", || log().contains("TLS certificate not reloaded"));
    assert!(list(&second, &[]).is_ok());
    drop(silent);
}

#[test]
fn tls_that_cannot_be_is_refused_at_the_start() {
    let database = Database::new(Engine::Sqlite);
    let folder = database.folder();
    certify(folder);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let other =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().signing_key.serialize_pem();
    for (name, text, mode) in
        [("other.key", other.as_str(), 0o600), ("open.key", &other, 0o644), ("empty", "", 0o600)]
    {
        std::fs::write(path(name), text).unwrap();
        std::fs::set_permissions(path(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    for (certificate, key, why) in [
        (Some("tls.pem"), None, "--tls-certificate needs --tls-key"),
        (None, Some("tls.key"), "--tls-key needs --tls-certificate"),
        (Some("nowhere.pem"), Some("tls.key"), "cannot read the certificate"),
        (Some("empty"), Some("tls.key"), "there is no certificate in"),
        (Some("tls.pem"), Some("empty"), "cannot read the private key"),
        (Some("tls.pem"), Some("other.key"), "is not that of the certificate"),
        (Some("tls.pem"), Some("open.key"), "has mode 0644"),
    ] {
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["config", "check"]] {
            let mut command = crate::support::command(folder, command);
            command.args(["--database", &database.url]);
            certificate.map(|name| command.args(["--tls-certificate", &path(name)]));
            key.map(|name| command.args(["--tls-key", &path(name)]));
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(!output.status.success() && said.contains(why), "{certificate:?} {key:?}: {said}");
        }
    }
}

#[test]
fn systemd_is_notified() {
    let database = Database::new(Engine::Sqlite);
    let path = database.folder().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut server = Server::start_as(&database, &[], |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    });
    let mut heard = Vec::new();
    let mut until = |part: &str| {
        while !heard.iter().any(|state: &String| state.contains(part)) {
            let mut state = [0; 1024];
            let length =
                manager.recv(&mut state).unwrap_or_else(|_| panic!("{part} is not said, only {heard:?}"));
            heard.push(String::from_utf8_lossy(&state[..length]).into_owned());
        }
        heard.clone()
    };
    let ready = until("READY=1");
    assert!(ready.last().unwrap().contains("STATUS=serving on 127.0.0.1:"), "{ready:?}");
    until("WATCHDOG=1");
    server.signal("TERM");
    until("STOPPING=1");
    assert_eq!(server.wait().0.code(), Some(0));
}

/// The command's folder and environment, for another program.
pub(crate) fn rebuilt(command: &Command, program: &str) -> Command {
    let mut other = Command::new(program);
    command.get_current_dir().map(|folder| other.current_dir(folder));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

#[test]
fn a_unix_socket_of_systemd_is_taken() {
    let database = Database::new(Engine::Sqlite);
    let path = database.folder().join("handed.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut shell = rebuilt(&crate::support::command(database.folder(), &[]), "sh");
    let line = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 0</dev/null";
    shell.args(["-c", line, env!("CARGO_BIN_EXE_tenantry"), "serve", "--database", &database.url]);
    shell.stdin(OwnedFd::from(listener)).env("TENANTRY_BOOTSTRAP_KEY", KEY).stdout(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // And nothing else, where nothing else is named.
    assert!(line.contains(&format!("listens on unix:{}", path.display())), "{line}");
    assert!(over_unix(&path, "/v2/me").starts_with("HTTP/1.1 200 "));
    drop(Command::new("kill").arg(child.id().to_string()).status());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(path.exists(), "the socket is systemd's");
}
