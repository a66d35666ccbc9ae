//! Passwords from a file, and what the prompts for a password share.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use postroom_model::Password;

use crate::ClientError;
use crate::parse::without_line_end;

/// Passwords that may be tried for one name, the one from a file included.
pub(crate) const PASSWORDS_MAX: u32 = 3;

/// The prompt for a password after a refused login.
pub(crate) const AGAIN: &str = "Password (leave empty to choose another name): ";

/// Reads the password in the file at `path`: its content without the final line
/// end.
pub fn password_from_file(path: &Path) -> Result<Password, ClientError> {
    let bytes = read_bounded(path)
        .map_err(|source| ClientError::PasswordFile { path: path.to_owned(), source })?;
    Password::from_bytes(without_line_end(&bytes))
        .map_err(|source| ClientError::Password { path: path.to_owned(), source })
}

/// The file, or enough of it to see that it is too long.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bytes_max = Password::BYTES_MAX + "\r\n".len() + 1;
    File::open(path)?.take(bytes_max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use postroom_model::PasswordError;

    use super::*;

    fn read(content: &[u8]) -> Result<Password, ClientError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        password_from_file(file.path())
    }

    #[test]
    fn a_password_is_the_file_without_its_line_end() {
        for content in ["two words", "two words\n", "two words\r\n"] {
            assert_eq!(read(content.as_bytes()).unwrap().as_bytes(), b"two words");
        }
        assert_eq!(read(&[b'x'; Password::BYTES_MAX]).unwrap().as_bytes().len(), 1_024);
    }

    #[test]
    fn an_invalid_password_is_refused() {
        let refusal = |content| match read(content) {
            Err(ClientError::Password { source, .. }) => source,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal(b"\n"), PasswordError::Empty);
        assert_eq!(refusal(b"one\ntwo\n"), PasswordError::Disallowed);
        assert_eq!(refusal(&[b'x'; 5_000]), PasswordError::TooLong);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = password_from_file(Path::new("/nonexistent/password")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/password"), "{error}");
    }
}
