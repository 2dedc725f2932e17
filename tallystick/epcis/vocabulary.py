"""The standard vocabularies of CBV 2.0 as bare words, and the spellings that the lenient reading maps to them.

Used only for membership. A value outside a list must be a URI that does not claim to be a CBV one.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BIZ_STEPS: Final = _words(
    "accepting arriving assembling collecting commissioning consigning creating_class_instance "
    "cycle_counting decommissioning departing destroying disassembling dispensing encoding "
    "entering_exiting holding inspecting installing killing loading other packing picking receiving "
    "removing repackaging repairing replacing reserving retail_selling sampling sensor_reporting shipping "
    "staging_outbound stock_taking stocking storing transporting unloading unpacking void_shipping"
)
DISPOSITIONS: Final = _words(
    "active available completeness_inferred completeness_verified conformant container_closed "
    "container_open damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive "
    "mismatch_class mismatch_instance mismatch_quantity needs_replacement no_pedigree_match "
    "non_conformant non_sellable_other partially_dispensed recalled reserved retail_sold returned "
    "sellable_accessible sellable_not_accessible stolen unavailable unknown"
)
BIZ_TRANSACTION_TYPES: Final = _words("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt")
SOURCE_DESTINATION_TYPES: Final = _words("owning_party possessing_party location")
ERROR_REASONS: Final = _words("did_not_occur incorrect_data")
COMPONENTS: Final = _words(
    "x y z axial_distance azimuth height spherical_radius polar_angle elevation_angle easting northing "
    "latitude longitude altitude"
)
SENSOR_ALERTS: Final = _words("ALARM_CONDITION ERROR_CONDITION")
MEASUREMENT_TYPES: Final = _words(
    "AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Radioactivity Altitude AmountOfSubstance "
    "AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area "
    "Capacitance Conductance Conductivity Count Density Dimensionless DoseEquivalent DoseEquivalentRate "
    "DynamicViscosity ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy "
    "Exposure Force Frequency Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum "
    "Luminance LuminousFlux LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential "
    "Mass MassConcentration MassFlowRate MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy "
    "MolarMass MolarVolume Power Pressure RadiantFlux RadiantIntensity RelativeHumidity Resistance "
    "Resistivity SolidAngle SpecificVolume Speed SurfaceDensity SurfaceTension Temperature Time Torque "
    "Voltage Volume VolumeFlowRate VolumeFraction VolumetricFlux Wavenumber"
)

# URIs in these name spaces must be one of the bare words above instead (the schema's pattern, and the IRIs behind
# the words themselves).
_CBV_URI: Final = re.compile(r"urn:epcglobal:cbv:|https?://ns\.gs1\.org/cbv/|https?://ref\.gs1\.org/cbv/")
_GS1_VOCABULARY_URI: Final = re.compile(r"https?://(?:www\.)?gs1\.org/voc/")


def _cbv(urn: str, iri: str) -> re.Pattern[str]:
    return re.compile(rf"(?:urn:epcglobal:cbv:{urn}:|https?://(?:ref|ns)\.gs1\.org/cbv/{iri}-|cbv:{iri}-|{iri}-)(.+)")


_GS1: Final = re.compile(r"(?:https?://(?:www\.)?gs1\.org/voc/|gs1:)(?:MT-)?(.+)")


class Vocabulary(msgspec.Struct, frozen=True, gc=False):
    """One standard list: its name in messages, its bare words, and the other spellings of them."""

    name: str
    words: frozenset[str]
    spelling: re.Pattern[str]


BIZ_STEP: Final = Vocabulary("business step", BIZ_STEPS, _cbv("bizstep", "BizStep"))
DISPOSITION: Final = Vocabulary("disposition", DISPOSITIONS, _cbv("disp", "Disp"))
BIZ_TRANSACTION: Final = Vocabulary("business transaction type", BIZ_TRANSACTION_TYPES, _cbv("btt", "BTT"))
SOURCE_DESTINATION: Final = Vocabulary("source or destination type", SOURCE_DESTINATION_TYPES, _cbv("sdt", "SDT"))
ERROR_REASON: Final = Vocabulary("error reason", ERROR_REASONS, _cbv("er", "ER"))
COMPONENT: Final = Vocabulary("sensor component", COMPONENTS, _cbv("comp", "Comp"))
MEASUREMENT: Final = Vocabulary("measurement type", MEASUREMENT_TYPES, _GS1)
SENSOR_ALERT: Final = Vocabulary("sensor alert", SENSOR_ALERTS, _GS1)


def claims_cbv(uri: str) -> bool:
    """Say whether ``uri`` lies in a name space whose values are spelt as bare words in JSON."""
    return _CBV_URI.match(uri) is not None


def claims_gs1_vocabulary(uri: str) -> bool:
    """Say whether ``uri`` lies in the GS1 Web Vocabulary, whose measurement and alert types are bare words."""
    return _GS1_VOCABULARY_URI.match(uri) is not None


def bare_word(vocabulary: Vocabulary, value: str) -> str | None:
    """Map a URN, full IRI or CURIE of a standard value to its bare word; None where it is no such spelling."""
    match = vocabulary.spelling.fullmatch(value)
    return match[1] if match is not None and match[1] in vocabulary.words else None
