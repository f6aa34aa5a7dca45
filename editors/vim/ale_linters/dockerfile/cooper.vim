" Description: the Dockerfile language server of Cooperage, for ALE.

call ale#Set('dockerfile_cooper_executable', 'cooper')
call ale#Set('dockerfile_cooper_options', {})

" The nearest folder that says where a project begins, else the file's own.
function! ale_linters#dockerfile#cooper#Root(buffer) abort
    let l:git = ale#path#FindNearestDirectory(a:buffer, '.git')

    return !empty(l:git) ? fnamemodify(l:git, ':h:h') : expand('#' . a:buffer . ':p:h')
endfunction

call ale#linter#Define('dockerfile', {
\   'name': 'cooper',
\   'lsp': 'stdio',
\   'language': 'dockerfile',
\   'executable': {buffer -> ale#Var(buffer, 'dockerfile_cooper_executable')},
\   'command': '%e lsp',
\   'project_root': function('ale_linters#dockerfile#cooper#Root'),
\   'initialization_options': {buffer -> ale#Var(buffer, 'dockerfile_cooper_options')},
\})
