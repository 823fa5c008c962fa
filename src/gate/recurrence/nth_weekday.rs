//! Weekdays counted within a month, such as "the second Tuesday of the month, plus two days".

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// A weekday counted within its month, with an offset in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NthWeekday {
    /// The position: 1 to 5 from the beginning of the month, -1 to -5 from its end. A month without a fifth
    /// such weekday has no occurrence.
    pub nth: i8,
    /// The weekday that is counted.
    pub weekday: Weekday,
    /// The number of days from that weekday to the start of the occurrence, -31 to 31. The start can lie in
    /// another month.
    pub offset_days: i8,
}

impl NthWeekday {
    /// Returns whether an occurrence belongs to this local day.
    pub(super) fn falls_on(self, date: NaiveDate) -> bool {
        let offset = Days::new(u64::from(self.offset_days.unsigned_abs()));
        let counted = if self.offset_days < 0 {
            date.checked_add_days(offset)
        } else {
            date.checked_sub_days(offset)
        };
        counted.is_some_and(|date| date.weekday() == self.weekday && self.nth == self.place(date))
    }

    /// Returns the position of a day among its weekdays of the month, counted from the same end as `nth`.
    fn place(self, date: NaiveDate) -> i8 {
        let from_end = self.nth < 0;
        let (day, days) = (date.day(), u32::from(date.num_days_in_month()));
        let weeks = if from_end { (days - day) / 7 } else { (day - 1) / 7 };
        let place = i8::try_from(weeks + 1).unwrap_or(0);
        if from_end { -place } else { place }
    }
}
