"""What people ask of rules: descriptions, explanations, advice.

Called by the command line; nothing here is needed to run rules.
"""
