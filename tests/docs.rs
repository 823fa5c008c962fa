//! What the documents say of the code is so.

use std::{collections::BTreeSet, fs, path::Path};

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_row_of_the_failure_catalogue_names_tests_that_exist_or_is_open() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in ["src", "tests", "testkit"] {
        sources(&root.join(folder), &mut code);
    }
    let table = fs::read_to_string(root.join("docs/failures.md")).unwrap();
    let mut rows = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| F")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let row = cells[0].trim_start_matches("| ");
        let tests = cells[3].trim_end_matches(" |");
        assert!(rows.insert(row[1..].parse::<u32>().unwrap()), "{row} stands there twice");
        if tests.starts_with("open") {
            continue;
        }
        for test in tests.split(", ") {
            let name = test.trim_matches('`');
            assert!(code.contains(&format!("fn {name}(")), "{row}: there is no test {name}");
        }
    }
    assert_eq!(rows, (1..=133).collect());
}

#[test]
fn every_reason_code_is_one_of_the_documented_vocabulary() {
    let table = include_str!("../docs/reasons.md");
    for reason in healthgate::model::ReasonCode::ALL {
        let row = format!("| `{reason}` | {} |", if reason.observed() { "yes" } else { "no" });
        assert!(table.contains(&row), "{row}");
    }
}
