# shellcheck shell=bash
# Helpers shared by the scripts of this project; sourced, never run.
#
# Sourcing it moves to the project's root and sets:
#   project_root      the absolute path of the checkout
#   target_directory  where cargo builds: CARGO_TARGET_DIR, or target/ in the checkout
#
# A step given to run_step must be a program or a script, not a shell function: bash
# switches `set -e` off inside a function whose status is tested, and a failure in the
# middle of such a function would go unseen.

set -euo pipefail

project_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$project_root"
target_directory="${CARGO_TARGET_DIR:-$project_root/target}"
# A relative CARGO_TARGET_DIR counts from here, as it does for the cargo calls below.
[[ "$target_directory" = /* ]] || target_directory="$project_root/$target_directory"

say() {
    printf '%s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a step under a heading, prints how long it took, and ends the script at a failure.
# For a script's closing lines, current_step names the step that is under way and
# finished_steps lists the others with their times.
current_step=""
finished_steps=()
run_step() {
    current_step="$1"
    shift
    local started=$SECONDS
    printf '\n== %s\n   %s\n' "$current_step" "$*"
    local status=0
    "$@" || status=$?
    if [ "$status" -ne 0 ]; then
        printf 'error: %s: failed with status %s after %s s\n' \
            "$current_step" "$status" "$((SECONDS - started))" >&2
        exit "$status"
    fi
    printf -- '-- %s: passed in %s s\n' "$current_step" "$((SECONDS - started))"
    finished_steps+=("$((SECONDS - started)) s  $current_step")
    current_step=""
}

# Installs system packages with apt, as root or through sudo. Debian starts a server with its package unless a policy
# forbids it, so one does meanwhile: the tests start servers of their own.
apt_install() {
    command -v apt-get >/dev/null 2>&1 ||
        fail "this machine has no apt-get; please install by hand: $*"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
            fail "installing $* needs root or sudo; please install by hand: $*"
        as_root=(sudo)
    fi
    say "Installing system packages: $*"
    local policy=/usr/sbin/policy-rc.d own_policy="" status=0
    if [ ! -e "$policy" ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    # The package lists of a fresh machine are often empty, hence the update. Where it
    # fails the lists that are there may still do, so the installation decides.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq ||
        say "The package lists could not be refreshed; going on with the present ones."
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" </dev/null || status=$?
    [ -z "$own_policy" ] || "${as_root[@]}" rm -f "$policy"
    [ "$status" -eq 0 ] || fail "could not install: $*"
}

# need_command COMMAND PACKAGE...: makes sure that a command is there.
need_command() {
    local wanted="$1"
    shift
    command -v "$wanted" >/dev/null 2>&1 && return
    apt_install "$@"
    command -v "$wanted" >/dev/null 2>&1 ||
        fail "$wanted is still missing after installing $*"
}

# Tools that more than one script runs. Fixed, so that a run next year does what a run today does.
cargo_deny_version=0.20.2
cargo_auditable_version=0.7.7
cargo_deb_version=3.8.0
cargo_fuzz_version=0.13.2

# What every build needs: cargo, and a C compiler, which links all Rust programs and
# builds the C and assembly parts of the cryptography crates.
need_toolchain() {
    command -v cargo >/dev/null 2>&1 ||
        fail "cargo is missing; please install Rust with rustup first"
    command -v rustc >/dev/null 2>&1 ||
        fail "rustc is missing; please install Rust with rustup first"
    command -v cc >/dev/null 2>&1 || apt_install gcc libc6-dev
    say "Using $(rustc --version), $(cargo --version)"
}

# The programs of Postgres, for throw-away servers of the tests' own. Debian's package would make and start a
# cluster of the system's besides, which nobody asked for.
need_postgres() {
    command -v postgres >/dev/null 2>&1 && return
    compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null && return
    local settings=/etc/postgresql-common/createcluster.conf
    if [ "$(id -u)" -eq 0 ] && [ ! -e "$settings" ]; then
        mkdir -p "$(dirname "$settings")"
        printf 'create_main_cluster = false\n' >"$settings"
    fi
    apt_install postgresql
    compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null ||
        fail "Postgres is still missing after installing postgresql"
}

# Debian's nginx, which a test takes as a target. No server of the machine's own is started.
need_nginx() {
    [ -x /usr/sbin/nginx ] && return
    command -v nginx >/dev/null 2>&1 && return
    apt_install nginx-light
    [ -x /usr/sbin/nginx ] || fail "nginx is still missing after installing nginx-light"
}

# Debian's pgbouncer, which a test starts for itself.
need_pgbouncer() {
    [ -x /usr/sbin/pgbouncer ] && return
    apt_install pgbouncer
    [ -x /usr/sbin/pgbouncer ] || fail "pgbouncer is still missing after installing it"
}

# The other checkers that scripts/bench-peers measures.
need_haproxy() {
    [ -x /usr/sbin/haproxy ] && return
    apt_install haproxy
    [ -x /usr/sbin/haproxy ] || fail "haproxy is still missing after installing it"
}

need_blackbox_exporter() {
    command -v prometheus-blackbox-exporter >/dev/null 2>&1 && return
    apt_install prometheus-blackbox-exporter
    command -v prometheus-blackbox-exporter >/dev/null 2>&1 ||
        fail "prometheus-blackbox-exporter is still missing after installing it"
}

need_check_http() {
    [ -x /usr/lib/nagios/plugins/check_http ] && return
    apt_install monitoring-plugins-basic
    [ -x /usr/lib/nagios/plugins/check_http ] ||
        fail "check_http is still missing after installing monitoring-plugins-basic"
}

# A Python with psycopg, over which a test spends passes. Debian's stands beside any other on the path.
need_psycopg() {
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import psycopg' >/dev/null 2>&1 && return
    done
    apt_install python3-psycopg
    /usr/bin/python3 -c 'import psycopg' || fail "psycopg is still missing after installing python3-psycopg"
}

# need_component COMPONENT SUBCOMMAND: a part of the Rust toolchain, such as clippy.
need_component() {
    cargo "$2" --version >/dev/null 2>&1 && return
    say "The toolchain lacks $1; asking rustup for it."
    rustup component add "$1" >/dev/null 2>&1 ||
        fail "$1 is missing and rustup could not fetch it; please run: rustup component add $1"
}

# need_cargo_tool NAME VERSION: a cargo subcommand, built into the target directory so
# that nothing outside it is touched. A missing tool that cannot be built is a failure.
#
# Built unoptimised and without debug information: these tools' own release profiles use
# link-time optimisation, which costs minutes and wins back seconds.
need_cargo_tool() {
    local name="$1" version="$2" tools="$target_directory/tools"
    case ":$PATH:" in
    *":$tools/bin:"*) ;;
    *) export PATH="$tools/bin:$PATH" ;;
    esac
    # Not every tool tells its own version.
    if [ -x "$tools/bin/$name" ] &&
        cargo install --list --root "$tools" 2>/dev/null | grep -Fqx "$name v$version:"; then
        say "$name $version is there already."
        return
    fi
    local started=$SECONDS
    say "Building $name $version into $tools"
    CARGO_TARGET_DIR="$target_directory/tools-build" CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install --quiet --locked --force --root "$tools" --profile dev \
        --version "$version" "$name" </dev/null ||
        fail "could not build $name $version"
    say "Built $name $version in $((SECONDS - started)) s"
}
