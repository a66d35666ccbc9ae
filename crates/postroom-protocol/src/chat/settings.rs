//! The settings of `chat`.

/// What only sessions of `chat` need to know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChatSettings {
    /// Whether clients see who comes and goes.
    pub announces: bool,
}

impl Default for ChatSettings {
    fn default() -> Self {
        Self { announces: true }
    }
}
