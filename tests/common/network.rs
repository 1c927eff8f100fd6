//! A network on this machine: a server with a certificate of the tests, and a proxy that leads to it.

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::process::{fmnist, folder, output};

/// The hosts of the published mirrors.
pub const MIRRORS: [&str; 2] = ["storage.googleapis.com", "github.com"];

/// What a proxy does once it knows where a connection is to lead.
#[derive(Clone, Copy)]
pub enum Proxy {
    /// Leads it to the server of the tests.
    Open,
    /// The same for those who have this name and password, `me:p@ss`, in HTTP's way.
    WithPassword,
}

/// A server that has a certificate for all mirrors, behind a proxy that speaks HTTP and SOCKS.
pub struct Network {
    pub folder: TempDir,
    /// `127.0.0.1:PORT` of the proxy.
    pub address: String,
    /// Where the proxy was asked to lead to.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Network {
    /// `site` makes an answer to the request for a path.
    pub fn new(proxy: Proxy, site: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let folder = folder();
        let config = Arc::new(tls(&folder.path().join("ca.pem")));
        let site = Arc::new(site);
        let server = listen(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let head = read_head(&mut stream)?;
            let path = head.split(' ').nth(1).unwrap();
            let answer = site(path);
            let status = answer.iter().position(|&byte| byte == b'\r').unwrap();
            stream.write_all(&answer[..status])?;
            // Else a client may ask for the next on a connection that is about to end.
            stream.write_all(b"\r\nConnection: close")?;
            stream.write_all(&answer[status..])?;
            stream.conn.send_close_notify();
            stream.flush()
        });
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let address = listen(move |stream| lead(stream, &server, proxy, &log));
        Self {
            folder,
            address,
            asked,
        }
    }

    /// One that has none of the files.
    pub fn without_files() -> Self {
        Self::new(Proxy::Open, |_| {
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()
        })
    }

    /// The certificate that has signed the server's.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// `fmnist data fetch` in an environment with nothing but these proxies and certificates.
    pub fn fetch(&self, variables: &[(&str, &str)]) -> Output {
        let mut command = fetch(&self.folder);
        command.env("SSL_CERT_FILE", self.ca());
        for (name, value) in variables {
            command.env(name, value.replace("PROXY", &self.address));
        }
        output(command)
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

pub fn fetch(folder: &TempDir) -> Command {
    let mut command = fmnist(folder.path(), &["data", "fetch", "--data-dir", "data"]);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env_remove("SSL_CERT_FILE");
    command.env_remove("SSL_CERT_DIR");
    command
}

/// A certificate for the mirrors, and the file `ca` of the one that has signed it.
fn tls(ca: &Path) -> ServerConfig {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = ca.to_str().unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    fs::write(ca, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(MIRRORS.map(str::to_owned)).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

/// The address of a server in this process. Connections that fail are the other side's affair.
pub fn listen(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || drop(serve(stream)));
        }
    });
    address
}

/// An HTTP request up to the empty line.
fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0].into());
    }
    Ok(head)
}

/// Leads a connection to `server`, by CONNECT, SOCKS 4a or SOCKS 5, told by the first byte.
fn lead(
    stream: TcpStream,
    server: &str,
    proxy: Proxy,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut output = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    let mut bytes = |count: usize| {
        let mut bytes = vec![0; count];
        input.read_exact(&mut bytes).map(|()| bytes)
    };
    let (target, reply) = match bytes(1)?[0] {
        4 => {
            let head = bytes(7)?;
            assert_eq!(head[3..], [0, 0, 0, 1], "a name follows");
            let mut texts = [String::new(), String::new()];
            for text in &mut texts {
                while let byte @ 1.. = bytes(1)?[0] {
                    text.push(byte.into());
                }
            }
            (texts[1].clone(), vec![0, 90, 0, 0, 0, 0, 0, 0])
        }
        5 => {
            let methods = bytes(1)?[0];
            bytes(methods.into())?;
            output.write_all(&[5, 0])?;
            let head = bytes(5)?;
            assert_eq!(head[3], 3, "a name follows");
            let name = bytes(head[4].into())?;
            bytes(2)?;
            let reply = vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            (String::from_utf8(name).unwrap(), reply)
        }
        // TLS, which this proxy does not speak.
        22 => return output.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        _ => {
            let head = read_head(&mut input)?.to_lowercase();
            // `me:p@ss` in Base64.
            let known = head.contains("proxy-authorization: basic bwu6cebzcw==");
            if matches!(proxy, Proxy::WithPassword) && !known {
                return output.write_all(b"HTTP/1.1 407 Name wanted\r\n\r\n");
            }
            let target = head.split([' ', ':']).nth(1).unwrap().to_owned();
            (target, b"HTTP/1.1 200 OK\r\n\r\n".to_vec())
        }
    };
    asked.lock().unwrap().push(target);
    output.write_all(&reply)?;
    let mut server = TcpStream::connect(server)?;
    let mut back = server.try_clone()?;
    thread::spawn(move || {
        drop(io::copy(&mut back, &mut output));
        drop(output.shutdown(Shutdown::Both));
    });
    io::copy(&mut input, &mut server).map(drop)
}
