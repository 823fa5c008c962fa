//! An oracle: JSON by the letter of RFC 8259, read by hand.

/// The nesting that the library allows.
const MAXIMUM_DEPTH: usize = 16;

/// A value. Members stand in the order of the text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Json>),
    Members(Vec<(String, Json)>),
}

/// What a text is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Reading {
    /// Not JSON, or JSON that could be read in two ways, or that is nested too deeply.
    Refused,
    /// A number lies where floating point ends, and one rounding or another decides.
    Unclear,
    /// Exactly this.
    Value(Json),
}

impl Json {
    /// The value of a member.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Members(members) => {
                members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}

/// Reads a text.
pub(crate) fn read(text: &[u8]) -> Reading {
    let Ok(text) = std::str::from_utf8(text) else { return Reading::Refused };
    let mut reader = Reader { characters: text.chars().collect(), at: 0, is_unclear: false };
    let value = reader.value(0);
    reader.space();
    match value {
        Some(value) if reader.at == reader.characters.len() => {
            if reader.is_unclear {
                Reading::Unclear
            } else {
                Reading::Value(value)
            }
        }
        _ => Reading::Refused,
    }
}

struct Reader {
    characters: Vec<char>,
    at: usize,
    is_unclear: bool,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.peek()?;
        self.at += 1;
        Some(taken)
    }

    fn takes(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.space();
        match self.peek()? {
            'n' => self.word("null", Json::Null),
            't' => self.word("true", Json::Bool(true)),
            'f' => self.word("false", Json::Bool(false)),
            '"' => self.text().map(Json::Text),
            '[' | '{' if depth == MAXIMUM_DEPTH => None,
            '[' => self.list(depth + 1),
            '{' => self.members(depth + 1),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        word.chars().all(|wanted| self.takes(wanted)).then_some(value)
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut values = Vec::new();
        self.space();
        if self.takes(']') {
            return Some(Json::List(values));
        }
        loop {
            values.push(self.value(depth)?);
            self.space();
            match self.take()? {
                ',' => {}
                ']' => return Some(Json::List(values)),
                _ => return None,
            }
        }
    }

    fn members(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut members: Vec<(String, Json)> = Vec::new();
        self.space();
        if self.takes('}') {
            return Some(Json::Members(members));
        }
        loop {
            self.space();
            let name = self.text()?;
            self.space();
            if !self.takes(':') || members.iter().any(|(known, _)| *known == name) {
                return None;
            }
            let value = self.value(depth)?;
            members.push((name, value));
            self.space();
            match self.take()? {
                ',' => {}
                '}' => return Some(Json::Members(members)),
                _ => return None,
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        if !self.takes('"') {
            return None;
        }
        let mut text = String::new();
        loop {
            match self.take()? {
                '"' => return Some(text),
                '\\' => match self.take()? {
                    plain @ ('"' | '\\' | '/') => text.push(plain),
                    'b' => text.push('\u{8}'),
                    'f' => text.push('\u{c}'),
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    'u' => text.push(self.escaped()?),
                    _ => return None,
                },
                control if control < ' ' => return None,
                plain => text.push(plain),
            }
        }
    }

    /// The character of an escape, which two of them may make.
    fn escaped(&mut self) -> Option<char> {
        let first = self.unit()?;
        let units = if (0xd800..0xdc00).contains(&first) {
            if !(self.takes('\\') && self.takes('u')) {
                return None;
            }
            vec![first, self.unit()?]
        } else {
            vec![first]
        };
        String::from_utf16(&units).ok()?.chars().next()
    }

    fn unit(&mut self) -> Option<u16> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + self.take()?.to_digit(16)?;
        }
        u16::try_from(unit).ok()
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.at;
        self.takes('-');
        let whole = self.digits();
        let leads_with_zero = self.characters[self.at - whole..].first() == Some(&'0');
        if whole == 0 || (leads_with_zero && whole > 1) {
            return None;
        }
        if self.takes('.') && self.digits() == 0 {
            return None;
        }
        if self.takes('e') || self.takes('E') {
            if !self.takes('+') {
                self.takes('-');
            }
            if self.digits() == 0 {
                return None;
            }
        }
        let text: String = self.characters[start..self.at].iter().collect();
        let value: f64 = text.parse().ok()?;
        self.is_unclear |= value.abs() >= 1e307;
        Some(Json::Number)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|digit| digit.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }
}
