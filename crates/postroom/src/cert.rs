//! `postroom cert`: a self-signed certificate, to try TLS.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use postroom_client::Fingerprint;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use thiserror::Error;

/// The names that the certificate is for unless others are given.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// The command line of `postroom cert`.
#[derive(Debug, Args)]
pub(crate) struct CertArguments {
    /// The folder for the files certificate.pem and key.pem; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Host names and addresses of the server [default: localhost and the loopback
    /// addresses]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Why there is no certificate.
#[derive(Debug, Error)]
pub(crate) enum CertError {
    #[error("{} exists already, and is not overwritten; choose another folder with --out", path.display())]
    Exists { path: PathBuf },
    #[error("cannot write {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
    #[error("\"{0}\" is neither a host name nor an IP address; a certificate is for those alone")]
    Name(String),
    #[error("there is no certificate for these names: {0}")]
    Names(rcgen::Error),
    #[error("cannot make the key: {0}")]
    Key(rcgen::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Writes a certificate and its key, and says how to use them.
pub(crate) fn cert(arguments: &CertArguments) -> Result<(), CertError> {
    let names = if arguments.names.is_empty() {
        NAMES.map(str::to_owned).to_vec()
    } else {
        arguments.names.clone()
    };
    if let Some(name) = names.iter().find(|name| !is_host(name)) {
        return Err(CertError::Name(name.clone()));
    }
    let example = Example::new(arguments);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertError::Key)?;
    let certificate = parameters(names)?.self_signed(&key).map_err(CertError::Key)?;
    let folder = &arguments.out;
    fs::create_dir_all(folder).map_err(|cause| failure(folder.clone(), cause))?;
    let (certificate_file, key_file) = (folder.join(CERTIFICATE), folder.join(KEY));
    // The key first: a certificate is of no use without it.
    write(&key_file, &key.serialize_pem(), 0o600)?;
    if let Err(error) = write(&certificate_file, &certificate.pem(), 0o644) {
        // It is of this call, and opens nothing.
        let _ = fs::remove_file(&key_file);
        return Err(error);
    }
    let fingerprint = Fingerprint::of(certificate.der());
    tell(&certificate_file, &key_file, fingerprint, &example).map_err(CertError::Output)
}

/// Whether a certificate can be for this name: a host's, perhaps with a wildcard, or an
/// address. Otherwise no client could ever match it.
fn is_host(name: &str) -> bool {
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    name.parse::<IpAddr>().is_ok() || !name.is_empty() && name.bytes().all(is_of_host)
}

/// What the example listens on and connects to: on this machine, unless names are given.
struct Example<'a> {
    address: &'static str,
    host: &'a str,
}

impl<'a> Example<'a> {
    fn new(arguments: &'a CertArguments) -> Self {
        match arguments.names.first() {
            Some(host) => Self { address: "0.0.0.0", host },
            None => Self { address: "127.0.0.1", host: NAMES[0] },
        }
    }
}

fn parameters(names: Vec<String>) -> Result<CertificateParams, CertError> {
    let mut parameters = CertificateParams::new(names).map_err(CertError::Names)?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "Postroom");
    // Clients take it as their only root (--ca), and as the server's own.
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

/// Writes a new file.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), CertError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|cause| failure(path.to_path_buf(), cause))
}

fn failure(path: PathBuf, cause: io::Error) -> CertError {
    match cause.kind() {
        io::ErrorKind::AlreadyExists => CertError::Exists { path },
        _ => CertError::Write { path, cause },
    }
}

fn tell(
    certificate: &Path,
    key: &Path,
    fingerprint: Fingerprint,
    Example { address, host }: &Example<'_>,
) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "SHA-256 {fingerprint}")?;
    writeln!(
        output,
        "next: postroom serve --set tls.certificate={certificate} --set tls.key={key} \
         --listen chat+tls={address}:5405, then: postroom chat {host} 5405 --ca {certificate}",
        certificate = certificate.display(),
        key = key.display(),
    )?;
    output.flush()
}
