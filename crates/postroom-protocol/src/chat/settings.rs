//! The settings of `chat`.

/// The settings that only sessions of `chat` use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChatSettings {
    /// Whether clients see a line for each user who joins or leaves.
    pub announces: bool,
}

impl Default for ChatSettings {
    fn default() -> Self {
        Self { announces: true }
    }
}
