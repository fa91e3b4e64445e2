"""`inkling serve`: runs as models that other software asks over HTTP."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet

if TYPE_CHECKING:
    from inkling.server.app import ServerOptions


def serve(
    runs: Annotated[
        list[str],
        typer.Argument(help="Run folder, or several; NAME=RUN serves it by another name.", metavar="RUN..."),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is all, for other machines too.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any that is free.", min=0, max=65535)] = 8000,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated", help="Answer at the temperature fitted on validation images, unless asked otherwise."
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name that browsers may ask this server by, for example behind a proxy; may be repeated."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with a token that requests must bring (Authorization: Bearer TOKEN).")
    ] = None,
    max_body: Annotated[int, typer.Option(help="Megabytes of a request, at most.", min=1, max=1024)] = 32,
    max_images: Annotated[int, typer.Option(help="Images of a request, at most.", min=1, max=65536)] = 256,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Serve runs over HTTP, with a page and an API.

    The log goes to stderr, a line of JSON for each request; --quiet leaves it out. Ctrl-C or SIGTERM stops the server
    once what was asked is answered.
    """
    from inkling.errors import MissingLibraryError

    try:
        from inkling.server.app import ServerOptions, create_app
        from inkling.server.listening import is_open, new_server, open_socket, run_server, url_of
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "inkling":
            raise
        raise MissingLibraryError(
            f"serving needs {error.name}, which is not installed: run pip install 'inkling-ml[serve]'"
        ) from None
    from inkling.server.limits import Limits
    from inkling.server.observing import json_lines
    from inkling.server.served_model import load_models, name_runs

    output = Output(quiet, json)
    limits = Limits(body=max_body * 2**20, images=max_images)
    options: ServerOptions = ServerOptions(
        limits,
        (*(allow_host or ()), host),
        None if token_file is None else _token(token_file),
        None if quiet else json_lines(sys.stderr.buffer),
    )
    named = name_runs(runs)
    with open_socket(host, port) as listening:
        if is_open(listening) and options.token is None:
            options = replace(options, pictures=False)  # of the data, which others may not be meant to see
        models = load_models(named, calibrated, device)
        url = url_of(listening)
        if is_open(listening):
            output.note(
                f"Open: other machines can reach it on {host}"
                + ("." if options.token else ", and nobody is asked for a token (--token-file).")
            )

        def ready() -> None:
            described = [
                f"{name} (temperature {model.temperature:.3g}, {model.engine.name})" for name, model in models.items()
            ]
            values = {"url": url, "models": list(models), "calibrated": calibrated, "open": is_open(listening)}
            output.result(values, f"{url}  serving {', '.join(described)}; stop it by Ctrl-C")

        try:
            run_server(new_server(create_app(models, options), limits), listening, ready)
        except KeyboardInterrupt:  # which stopped it: everything was answered
            output.note("Stopped.")


def _token(path: Path) -> str:
    from inkling.errors import SettingsError

    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            [f"{path}: cannot be read as a token ({getattr(error, 'strerror', None) or error})"]
        ) from None
    if len(token) < 16 or not token.isprintable() or " " in token:
        raise SettingsError([f"{path}: expected a token of 16 characters or more, without spaces, found {len(token)}"])
    return token
