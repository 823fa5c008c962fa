//! What the documents say of the code is so.

use std::{collections::BTreeSet, fs, path::Path};

use healthgate::model::ReasonCode;

fn sources(folder: &Path, into: &mut String) {
    sources_in(folder, &["rs"], into);
}

fn sources_in(folder: &Path, extensions: &[&str], into: &mut String) {
    for_each_file(folder, extensions, &mut |_, text| into.push_str(text));
}

fn for_each_file(folder: &Path, extensions: &[&str], with: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("node_modules") && !path.ends_with("dist") {
                for_each_file(&path, extensions, with);
            }
        } else if path.extension().is_some_and(|it| extensions.iter().any(|one| it == *one)) {
            with(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

/// Visits every text of the project that people write.
fn for_each_text(with: &mut dyn FnMut(&Path, &str)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let extensions = ["rs", "md", "sql", "patch", "ts", "tsx", "js", "mjs", "toml"];
    for folder in [
        "src",
        "tests",
        "testkit",
        "proof",
        "simulation",
        "examples",
        "benches",
        "fuzz",
        "migrations",
        "docs",
        "scripts",
    ] {
        for_each_file(&root.join(folder), &extensions, with);
    }
    for file in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "RELEASING.md", "SECURITY.md"] {
        let path = root.join(file);
        with(&path, &fs::read_to_string(&path).unwrap());
    }
}

/// The ids in a text: a letter of `letters`, digits, and nothing that makes it part of a word.
fn ids<'a>(text: &'a str, letters: &str) -> BTreeSet<&'a str> {
    text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .filter(|word| {
            let digits = word.get(1..).unwrap_or_default();
            word.starts_with(|it| letters.contains(it))
                && (1..=3).contains(&digits.len())
                && digits.bytes().all(|it| it.is_ascii_digit())
        })
        .collect()
}

#[test]
fn every_row_of_the_failure_catalogue_names_tests_that_exist_or_is_open() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in [
        "src",
        "tests",
        "testkit",
        "proof",
        "simulation",
        "examples/patch-manager/src",
        "examples/patch-manager/tests",
    ] {
        sources(&root.join(folder), &mut code);
    }
    let mut web = String::new();
    for folder in ["src", "e2e"] {
        let folder = root.join("examples/patch-manager/frontend").join(folder);
        sources_in(&folder, &["ts", "tsx"], &mut web);
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
            // The web interface's tests have sentences for names.
            let there = match name.contains(' ') {
                true => web.contains(&format!("test('{name}'")),
                false => code.contains(&format!("fn {name}(")),
            };
            assert!(there, "{row}: there is no test {name}");
        }
    }
    let missing: Vec<u32> = (1..=133).filter(|row| !rows.contains(row)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Every threat of the model names tests that exist, and every kind of threat has some.
#[test]
fn every_threat_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in ["src", "tests", "examples/patch-manager/src", "examples/patch-manager/tests"] {
        sources(&root.join(folder), &mut code);
    }
    let text = include_str!("../docs/threat-model.md");
    let mut threats = std::collections::BTreeMap::new();
    let mut kind = "";
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            kind = heading;
        }
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let [threat, _, tests] = cells[..] else { continue };
        if !tests.contains('`') {
            continue;
        }
        *threats.entry(kind).or_insert(0) += 1;
        for test in tests.split(", ") {
            let name = test.trim_matches('`');
            assert!(code.contains(&format!("fn {name}(")), "{threat}: there is no test {name}");
        }
    }
    let kinds = [
        "Denial of service",
        "Elevation of privilege",
        "Information disclosure",
        "Repudiation",
        "Spoofing",
        "Tampering",
    ];
    assert_eq!(threats.keys().copied().collect::<Vec<_>>(), kinds, "{threats:?}");
    assert!(threats.values().sum::<i32>() >= 40, "{threats:?}");
}

/// The table of odd peers names tests that exist and reasons that exist.
#[test]
fn every_odd_peer_names_a_test_that_exists() {
    let mut code = String::new();
    for folder in ["src", "tests"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut code);
    }
    let table = include_str!("../docs/peers.md");
    let rows = table.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [_, made, test] = cells[..] else { panic!("{row}") };
        let test = test.trim_end_matches(" |").trim_matches('`');
        assert!(code.contains(&format!("fn {test}(")), "there is no test {test}");
        let word = made.split('`').nth(1).filter(|_| made.starts_with('`'));
        assert!(word.is_none_or(|word| word.parse::<ReasonCode>().is_ok()), "{row}");
        count += 1;
    }
    assert!(count >= 40, "{count}");
}

#[test]
fn every_reason_code_is_one_of_the_documented_vocabulary() {
    let table = include_str!("../docs/reasons.md");
    for reason in ReasonCode::ALL {
        let row = format!("| `{reason}` | {} |", if reason.observed() { "yes" } else { "no" });
        assert!(table.contains(&row), "{row}");
    }
}

#[test]
fn every_end_reason_is_one_of_the_documented_vocabulary() {
    let table = include_str!("../docs/reasons.md");
    let document: serde_json::Value =
        serde_json::from_str(include_str!("../docs/openapi.json")).unwrap();
    let reasons = document["components"]["schemas"]["EndReason"]["enum"].as_array().unwrap();
    assert!(reasons.len() >= 7);
    for reason in reasons {
        let row = format!("| `{}` | ", reason.as_str().unwrap());
        assert!(table.contains(&row), "{row}");
    }
}

/// The table of metrics and the code's own are the same, both ways; and the code tells each of them.
#[test]
fn the_table_of_metrics_and_the_code_agree() {
    let (_, section) =
        include_str!("../docs/operations.md").split_once("\n## Metrics\n").expect("the section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let documented: Vec<&str> =
        section.lines().filter(|line| line.starts_with("| `healthgate_")).collect();
    let row = |metric: &&healthgate::observe::Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let (kind, unit) = (metric.kind.as_str(), metric.unit.as_str());
        format!("| `{}` | {kind} | {unit} | {labels} | {} |", metric.name, metric.meaning)
    };
    let coded: Vec<String> = healthgate::observe::METRICS.iter().map(row).collect();
    assert_eq!(documented, coded);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let definition = include_str!("../src/observe/metric.rs");
    let mut code = String::new();
    sources(&root.join("src"), &mut code);
    let elsewhere =
        code.replace(definition, "").replace(include_str!("../src/observe/sink.rs"), "");
    assert!(elsewhere.len() < code.len());
    // What is put together, such as the name of a database's channel, is no metric.
    let mut names =
        elsewhere.split("\"healthgate_").skip(1).filter_map(|rest| rest.split('"').next());
    assert_eq!(names.find(|name| !name.contains('{')), None, "a metric that stands in no table");
    for around in ["metrics::counter!", "metrics::gauge!", "metrics::histogram!"] {
        assert!(!elsewhere.contains(around), "{around} goes around the table");
    }
    for line in definition.lines().filter(|line| line.contains(" \"healthgate_")) {
        let constant = line.split_whitespace().next().unwrap();
        let uses = [
            format!("{constant}.add("),
            format!("{constant}.set("),
            format!("{constant}.record("),
            format!("Level::new({constant})"),
        ];
        assert!(uses.iter().any(|used| elsewhere.contains(used)), "nothing tells {constant}");
    }
}

/// F244: sqlx as a whole asks for a SQLite whatever its features, and a program has room for one.
/// `scripts/check-dependencies` resolves the library beside another one.
#[test]
fn f244_the_library_depends_on_the_parts_of_sqlx_and_not_on_the_whole() {
    let manifest = include_str!("../Cargo.toml");
    let (_, rest) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (dependencies, _) = rest.split_once("\n[").unwrap();
    let of_sqlx: Vec<&str> = dependencies
        .lines()
        .filter_map(|line| line.split([' ', '.']).next())
        .filter(|name| name.starts_with("sqlx"))
        .collect();
    assert_eq!(of_sqlx, ["sqlx-core", "sqlx-macros", "sqlx-postgres", "sqlx-sqlite"]);
}

/// Rules are explained in `docs/rules.md`, failures in `docs/failures.md`, and every id that is cited
/// stands there. No row stands there twice.
#[test]
fn every_id_that_is_cited_is_explained() {
    let mut explained = BTreeSet::new();
    for (table, letters) in
        [(include_str!("../docs/rules.md"), "GHLVR"), (include_str!("../docs/failures.md"), "F")]
    {
        for line in table.lines().filter(|line| line.starts_with("| ")) {
            let first = line.split(" | ").next().unwrap_or_default().trim_start_matches("| ");
            let row = ids(first, letters);
            assert!(row.iter().all(|id| explained.insert(*id)), "{first} stands there twice");
        }
    }
    assert!(explained.len() > 190, "the tables were read: {explained:?}");
    let mut unknown = BTreeSet::new();
    for_each_text(&mut |path, text| {
        for id in ids(text, "GHLVRF").into_iter().filter(|id| !explained.contains(id)) {
            unknown.insert(format!("{id} in {}", path.display()));
        }
    });
    assert!(unknown.is_empty(), "cited and not explained: {unknown:#?}");
}

/// No text cites a specification that readers do not have.
#[test]
fn no_text_cites_a_document_that_is_not_in_the_repository() {
    let mut found = BTreeSet::new();
    for_each_text(&mut |path, text| {
        for (number, line) in (1..).zip(text.lines()) {
            for word in ["spec ", "Spec ", "specification "] {
                let cited = line.split(word).skip(1).any(|rest| {
                    let section = rest.trim_start_matches("section ");
                    section.starts_with(|it: char| it.is_ascii_digit()) && !line.contains("RFC")
                });
                if cited {
                    found.insert(format!("{}:{number}: {line}", path.display()));
                }
            }
        }
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_tables_for_contributors_name_each_thing_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        for name in line.split(" | ").next().unwrap().split('`').skip(1).step_by(2) {
            assert!(
                seen.insert(name.trim_end_matches('/').to_owned()),
                "{name} stands there twice"
            );
        }
    }
    assert!(seen.len() > 20, "{seen:?}");
}

/// The part of a link behind `#` that leads to a heading.
fn anchor(heading: &str) -> String {
    let kept = |it: &char| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let mut links = 0;
    for_each_text(&mut |path, text| {
        if path.extension().is_none_or(|it| it != "md") {
            return;
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(char::is_whitespace) {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.to_owned() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !heading.is_empty() {
                let there = fs::read_to_string(&target).unwrap();
                let mut headings = there.lines().filter(|line| line.starts_with('#'));
                let found = headings.any(|it| anchor(it.trim_start_matches(['#', ' '])) == heading);
                assert!(found, "{}: {link}", path.display());
            }
            links += 1;
        }
    });
    assert!(links > 50, "{links}");
}
