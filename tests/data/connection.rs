//! Downloads by the proxies and with the certificates that the environment names: the program asks
//! for the real mirrors, and a proxy on this machine leads it to a server of the tests.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::common::data_dir;
use crate::common::network::{MIRRORS, Network, Proxy, fetch, listen};
use crate::common::process::{assert_failure, assert_success, output, stderr, stdout};

/// One that has the files.
fn with_files() -> Network {
    let data = data_dir();
    Network::new(Proxy::Open, move |path| {
        let name = path.rsplit('/').next().unwrap();
        let file = fs::read(data.join(name)).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len());
        [head.into_bytes(), file].concat()
    })
}

#[test]
fn the_data_arrive_by_a_proxy_that_inspects_tls() {
    let network = with_files();
    let done = network.fetch(&[("HTTPS_PROXY", "http://PROXY")]);
    assert_success(&done);
    assert!(stdout(&done).contains("Fashion-MNIST is complete in data"));
    assert_eq!(network.asked(), [MIRRORS[0]; 4]);
    // What is there needs neither proxy nor certificates.
    let again = [("HTTPS_PROXY", "ftp://PROXY"), ("SSL_CERT_FILE", "none")];
    assert_success(&network.fetch(&again));
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_from_a_missing_network() {
    let network = Network::without_files();
    // Neither this one nor the system has signed the server's.
    let other = Network::without_files();
    let fetch = |certificates: &[(&str, &Path)]| {
        let mut command = fetch(&network.folder);
        command.env("HTTPS_PROXY", format!("http://{}", network.address));
        command.envs(certificates.iter().copied());
        output(command)
    };
    for certificates in [
        &[("SSL_CERT_FILE", &*other.ca())][..],
        &[("SSL_CERT_DIR", other.folder.path())],
        &[],
    ] {
        let refused = fetch(certificates);
        let parts = [
            "github.com: invalid peer certificate: UnknownIssuer — trusted are the certificates of ",
            certificates
                .first()
                .map_or(" of ", |(variable, _)| variable),
            ": where a proxy inspects TLS, name the file of its CA's certificate in SSL_CERT_FILE",
        ];
        assert_failure(&refused, 1, &parts);
        assert!(!stderr(&refused).contains("check the network"));
    }
    let trusted = fetch(&[("SSL_CERT_DIR", network.folder.path())]);
    assert_failure(&trusted, 1, &["github.com: HTTP status 404"]);
}

#[test]
fn certificates_that_cannot_be_read_are_named() {
    let network = Network::without_files();
    fs::write(network.folder.path().join("empty.pem"), "no certificate").unwrap();
    for (value, reason) in [
        (
            "missing.pem",
            "No such file or directory (os error 2) at 'missing.pem'",
        ),
        ("empty.pem", "there is none in that place"),
    ] {
        let failed = network.fetch(&[("SSL_CERT_FILE", value)]);
        let message = "error: no certificate of SSL_CERT_FILE could be read — ";
        assert_failure(&failed, 1, &[message, reason, "unset SSL_CERT_FILE"]);
    }
}

#[test]
fn every_variable_and_kind_of_proxy_is_used() {
    for (variable, value) in [
        ("HTTPS_PROXY", "http://PROXY"),
        ("https_proxy", "PROXY"),
        ("ALL_PROXY", "socks5://me:secret@PROXY"),
        ("all_proxy", "socks4a://PROXY"),
        ("HTTP_PROXY", "socks5h://PROXY/"),
        ("http_proxy", " http://PROXY "),
    ] {
        let network = Network::without_files();
        let failed = network.fetch(&[(variable, value)]);
        let by = format!("{} of {variable} — storage", network.address);
        assert_failure(
            &failed,
            1,
            &[
                "could not be downloaded by the proxy ",
                &by,
                "HTTP status 404",
            ],
        );
        assert!(!stderr(&failed).contains("secret"));
        assert_eq!(network.asked(), MIRRORS, "{variable}={value}");
    }
}

#[test]
fn a_proxy_for_https_comes_before_one_for_everything_and_empty_ones_are_none() {
    let network = Network::without_files();
    let failed = network.fetch(&[
        ("ALL_PROXY", "ftp://PROXY"),
        ("HTTPS_PROXY", ""),
        ("https_proxy", "http://PROXY"),
    ]);
    assert_failure(&failed, 1, &["HTTP status 404"]);
}

#[test]
fn a_proxy_that_is_not_understood_is_an_error_that_names_its_variable() {
    let network = Network::without_files();
    for (variable, value) in [
        ("HTTPS_PROXY", "ftp://me:secret@PROXY"),
        ("all_proxy", "socks6://me:secret@PROXY"),
        ("HTTP_PROXY", "http://me:secret word@PROXY"),
        ("ALL_PROXY", "http://"),
    ] {
        let failed = network.fetch(&[(variable, value)]);
        let message = format!("error: {variable} is not the URL of a proxy of a known kind — ");
        assert_failure(&failed, 1, &[&message, "socks5h", "or unset it\n"]);
        assert!(!stderr(&failed).contains("secret"), "{failed:?}");
    }
    assert!(network.asked().is_empty());
}

#[test]
fn a_proxy_that_does_not_help_is_named_without_its_password() {
    let network = Network::new(Proxy::WithPassword, |_| {
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()
    });
    // A port that no one listens on.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (value, parts) in [
        (
            "http://me:secret@PROXY".to_owned(),
            [
                "the proxy http://127.0.0.1:",
                "proxy server responded 407",
                "password in HTTPS_PROXY",
            ],
        ),
        (
            "http://me:p%40ss@PROXY".to_owned(),
            [
                "the proxy http://127.0.0.1:",
                "HTTP status 404",
                "and run `fmnist data fetch",
            ],
        ),
        (
            format!("socks5h://me:secret@{closed}"),
            [
                "the proxy socks5h://127.0.0.1:",
                "Connection refused",
                "check that proxy",
            ],
        ),
        (
            "https://PROXY".to_owned(),
            [
                "the proxy https://127.0.0.1:",
                "github.com",
                "write http:// in HTTPS_PROXY",
            ],
        ),
    ] {
        let failed = network.fetch(&[("HTTPS_PROXY", &value)]);
        assert_failure(&failed, 1, &parts);
        assert_failure(
            &failed,
            1,
            &[" of HTTPS_PROXY — storage.googleapis.com, github.com: "],
        );
        let stderr = stderr(&failed);
        assert!(
            !stderr.contains("secret") && !stderr.contains("ss@"),
            "{stderr}"
        );
    }
}

#[test]
fn hosts_in_no_proxy_are_asked_without_it() {
    let network = Network::without_files();
    let failed = network.fetch(&[
        ("HTTPS_PROXY", "http://PROXY"),
        ("NO_PROXY", "localhost, GitHub.com"),
    ]);
    assert_failure(
        &failed,
        1,
        &["storage.googleapis.com: HTTP status 404; github.com: "],
    );
    assert_eq!(network.asked(), [MIRRORS[0]]);
}

#[test]
fn a_redirect_off_https_is_refused() {
    let asked = Arc::new(Mutex::new(0));
    let log = Arc::clone(&asked);
    let plain = listen(move |_| {
        *log.lock().unwrap() += 1;
        Ok(())
    });
    let network = Network::new(Proxy::Open, move |path| {
        let to = match path.starts_with("/second") {
            true => format!("http://{plain}/file.gz"),
            false => "/second".to_owned(),
        };
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    let failed = network.fetch(&[("HTTPS_PROXY", "http://PROXY")]);
    assert_failure(
        &failed,
        1,
        &["github.com: http://127.0.0.1:", "/file.gz is not HTTPS"],
    );
    // Both mirrors, each time from the first place to the second.
    assert_eq!(network.asked().len(), 4);
    assert_eq!(*asked.lock().unwrap(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_is_not_taken_for_a_failure_of_the_mirrors() {
    let network = with_files();
    let limited = fetch(&network.folder);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -f 100; exec \"$@\"", "sh"])
        .arg(limited.get_program())
        .args(limited.get_args())
        .current_dir(network.folder.path())
        .env("SSL_CERT_FILE", network.ca())
        .env("HTTPS_PROXY", format!("http://{}", network.address));
    let refused = output(command);
    let parts = [
        "error: data/train-images-idx3-ubyte.gz.part cannot be written — make room there, or name \
         another folder with --data-dir: File too large (os error 27)",
    ];
    assert_failure(&refused, 1, &parts);
    assert!(!stderr(&refused).contains("check"));
    assert_eq!(network.asked().len(), 1);

    // What is not a file either.
    let part = network
        .folder
        .path()
        .join("data/train-images-idx3-ubyte.gz.part");
    fs::remove_file(&part).unwrap();
    fs::create_dir(&part).unwrap();
    let proxy = [("HTTPS_PROXY", "http://PROXY")];
    assert_failure(&network.fetch(&proxy), 1, &[&parts[0][7..60], "directory"]);
    assert_eq!(network.asked().len(), 1);

    // A link may lead anywhere: it is replaced.
    fs::remove_dir(&part).unwrap();
    let elsewhere = network.folder.path().join("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &part).unwrap();
    assert_success(&network.fetch(&proxy));
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
}
