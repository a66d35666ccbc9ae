//! The operator has the server read its settings again, which have changed.

use crate::scenario::Rules;
use crate::world::{TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    pub(super) fn read_settings_again(&mut self) {
        let rules = &self.scenario.all_rules;
        let mut rules = rules[self.operator.random.below(rules.len())].clone();
        rules.settings.logs_requests = self.scenario.rules.settings.logs_requests;
        self.note(|| format!("the operator changes the settings: {rules:?}"));
        let Rules { settings, limits, access } = &rules;
        self.driver.set_settings(settings.clone(), *limits);
        for (listener, access) in self.listeners.iter().zip(*access) {
            self.driver.engine.set_access(*listener, access, true);
        }
        let (at, now) = (self.judge.tick(), self.driver.now - self.began);
        self.judge.set_rules(&rules, at, now);
        self.rules_since = Some(self.turns);
        self.scenario.rules = rules;
    }
}
