"""From resolved trees and templates to the typed plan: types, constants, operands, comparisons.

Called for each rule when rules load.
"""
