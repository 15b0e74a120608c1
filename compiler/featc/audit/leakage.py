def warn_of_leaks(definitions, project, findings): pass
